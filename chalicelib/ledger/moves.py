"""Moves a signup's delivery to another account, once its form has another one in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from .day_counts import ACCEPTED, DayCounts
from .events import PENDING, STATUS_NAME, EventStore
from .keys import AddressKeys, delivery_key, due_entry, event_key
from .subscription_items import REMOVE_LEASE
from .subscriptions import SubscriptionStore
from .table import Table, Write

MOVED = "the form has another account now"
"""The reason of a superseded delivery that stays beside the copies of a signup that was moved."""
TRIES = 3
"""Attempts at a transaction that fails when another worker has written first."""


class DeliveryMoves:
    """Moves deliveries between accounts without making one twice, whatever workers with other configurations do."""

    def __init__(
        self,
        table: Table,
        keys: AddressKeys,
        events: EventStore,
        subscriptions: SubscriptionStore,
        counts: DayCounts,
    ) -> None:
        self._table = table
        self._keys = keys
        self._events = events
        self._subscriptions = subscriptions
        self._counts = counts

    def move(self, signup: Event, account: str, now: datetime) -> bool:
        """Moves the pending delivery of a signup from its own account to `account`, due now; False if it cannot yet.

        It cannot while another worker has the lease on the address at the old account for this signup: that worker may
        be delivering it. An expired lease means that the outcome there is unknown, which is recorded first. One
        transaction then moves the delivery, if the lease is still as it was read. A worker that takes the lease later
        reads the delivery once more under it, and finds it moved.

        Attempts of unknown outcome count anew: one more leaves no second row at another account. The event counts as
        accepted at the new account alone.

        Of a signup with copies the old delivery stays, superseded, and copies stay as they are; one to the new account
        is the signup's own delivery from now on.
        """
        old, key = signup.accounts[0], delivery_key(signup.id, signup.accounts[0], signup.accounts)
        for _ in range(TRIES):
            free = self._lease_write(signup, old, now)
            if free is None:
                return False
            touched = (self._table.get(key) or {}).get("touched")
            if len(signup.accounts) == 1:
                writes, counts_again = [_moved(signup, account, now, touched)], True
            else:
                there = self._table.get(delivery_key(signup.id, account, signup.accounts)) or {}
                counts_again = "touched" not in there
                writes = _moved_beside_copies(signup, account, now, touched, there)
            if self._table.write_together([*writes, free]):
                if touched is not None and counts_again:
                    self._counts.add(signup, old, ACCEPTED, number=-1)
                return True
        return False

    def _lease_write(self, signup: Event, account: str, now: datetime) -> Write | None:
        """Returns the condition, or the change, of the lease on the address under which the delivery may leave the
        account; None while it may not.
        """
        key = (self._keys.partition(signup.email), account)
        states = self._subscriptions.read([signup.email], account).get(signup.email)
        if states is None:  # malformed: it may hide a lease
            return None
        lease = states[key].lease
        if lease is None:
            return Write(key, "attribute_not_exists(lease_token)")
        same, values = "lease_token = :token", {"token": lease.token}
        if signup.id not in lease.events:
            return Write(key, same, values)
        if lease.until > to_ms(now):
            return None
        self._events.mark_unknown(lease.events, account, lease.token)
        return Write(key, same, values, f"REMOVE {REMOVE_LEASE}")


def _moved(signup: Event, account: str, now: datetime, touched: int | None) -> Write:
    values = {
        "pending": Status.PENDING.value,
        "old": list(signup.accounts),
        "new": [account],
        **due_entry(account, signup.type, now),
        "now": to_ms(now),
        "touched": touched,
    }
    same = "attribute_not_exists(touched)" if touched is None else "touched = :touched"
    return Write(
        event_key(signup.id),
        f"{PENDING} AND accounts = :old AND {same}",
        values,
        "SET accounts = :new, due_pk = :due_pk, due_sk = :due_sk, updated = :now "
        "REMOVE next_at, reason, reason_code, touched, unknown_attempts, reverted_unsubscribe_at",
        STATUS_NAME,
    )


def _moved_beside_copies(
    signup: Event, account: str, now: datetime, touched: int | None, there: Mapping[str, Any]
) -> list[Write]:
    """Returns the changes of a signup with copies: its deliveries are items of their own. `there` is what the new
    account has of it: nothing, a copy, or what an earlier move has left.
    """
    old = signup.accounts[0]
    others = [name for name in signup.accounts[1:] if name != account]
    accounts = {"old": list(signup.accounts), "new": [account, *others, old]}
    same = "attribute_not_exists(touched)" if touched is None else "touched = :touched"
    values = {"pending": Status.PENDING.value, "now": to_ms(now)}
    writes = [
        Write(event_key(signup.id), "accounts = :old", accounts, "SET accounts = :new"),
        Write(
            delivery_key(signup.id, old, signup.accounts),
            f"{PENDING} AND {same}",
            {**values, "touched": touched, "superseded": Status.SUPERSEDED.value, "moved": MOVED},
            "SET #status = :superseded, reason = :moved, updated = :now "
            "REMOVE due_pk, due_sk, next_at, reason_code, touched, unknown_attempts, reverted_unsubscribe_at",
            STATUS_NAME,
        ),
    ]
    if not there or there.get("reason") == MOVED:
        fresh = {
            **values,
            **due_entry(account, signup.type, now),
            "type": signup.type.value,
            "form": signup.form,
            "accepted": to_ms(signup.accepted_at),
            "none": 0,
            "moved": MOVED,
        }
        change = (
            "SET #status = :pending, attempts = :none, updated = :now, due_pk = :due_pk, due_sk = :due_sk, "
            "#type = :type, form = :form, accepted = :accepted REMOVE reason, expires_at, unknown_outcome"
        )
        key, names = delivery_key(signup.id, account, signup.accounts), {**STATUS_NAME, "type": "type"}
        writes.append(Write(key, "attribute_not_exists(pk) OR reason = :moved", fresh, change, names))
    return writes
