"""Moves a signup's delivery to another account, once its form has another one in the configuration."""

from __future__ import annotations

from datetime import datetime

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from .day_counts import ACCEPTED, DayCounts
from .events import PENDING, STATUS_NAME, EventStore
from .keys import AddressKeys, due_entry, event_key
from .subscription_items import REMOVE_LEASE
from .subscriptions import SubscriptionStore
from .table import Table, Write

TRIES = 3
"""Attempts of a transaction that another write made fail."""


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
        """
        old, key = signup.accounts[0], event_key(signup.id)
        for _ in range(TRIES):
            free = self._lease_is_free(signup, old, now)
            if free is None:
                return False
            touched = (self._table.get(key) or {}).get("touched")
            if self._table.write_together([_moved(signup, account, now, touched), free]):
                if touched is not None:
                    self._counts.add(signup, old, ACCEPTED, number=-1)
                return True
        return False

    def _lease_is_free(self, signup: Event, account: str, now: datetime) -> Write | None:
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
