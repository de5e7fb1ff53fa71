"""Moves a signup's delivery to another account, once its form has another one in the configuration."""

from __future__ import annotations

from datetime import datetime

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from .events import PENDING, STATUS_NAME, EventStore
from .keys import AddressKeys, due_partition, event_key
from .subscription_items import REMOVE_LEASE
from .subscriptions import SubscriptionStore
from .table import Table, Write

TRIES = 3
"""Attempts of a transaction that another write made fail."""


class DeliveryMoves:
    """Moves deliveries between accounts without making one twice, whatever workers with other configurations do."""

    def __init__(self, table: Table, keys: AddressKeys, events: EventStore, subscriptions: SubscriptionStore) -> None:
        self._table = table
        self._keys = keys
        self._events = events
        self._subscriptions = subscriptions

    def move(self, signup: Event, account: str, now: datetime) -> bool:
        """Moves the pending delivery of a signup from its own account to `account`, due now; False if it cannot yet.

        It cannot while another worker has the lease on the address at the old account for this signup: that worker may
        be delivering it. An expired lease means that the outcome there is unknown, which is recorded first. One
        transaction then moves the delivery, if the lease is still as it was read. A worker that takes the lease later
        reads the delivery once more under it, and finds it moved.

        Attempts of unknown outcome count anew: one more leaves no second row at another account.
        """
        old = signup.accounts[0]
        lease_key = (self._keys.partition(signup.email), old)
        moved = Write(
            event_key(signup.id),
            f"{PENDING} AND accounts = :old",
            {
                "pending": Status.PENDING.value,
                "old": [old],
                "new": [account],
                "due_pk": due_partition(account, signup.type, signup.id),
                "due_at": to_ms(now) // 1000,
                "now": to_ms(now),
            },
            "SET accounts = :new, due_pk = :due_pk, due_at = :due_at, updated = :now "
            "REMOVE next_at, reason, reason_code, unknown_attempts, reverted_unsubscribe_at",
            STATUS_NAME,
        )
        for _ in range(TRIES):
            states = self._subscriptions.read([signup.email], old).get(signup.email)
            if states is None:  # malformed: it may hide a lease
                return False
            lease = states[lease_key].lease
            same = Write(lease_key, "attribute_not_exists(lease_token)")
            if lease is not None:
                same = Write(lease_key, "lease_token = :token", {"token": lease.token})
                if signup.id in lease.events:
                    if lease.until > to_ms(now):
                        return False
                    self._events.mark_unknown(lease.events, old, lease.token)
                    same = Write(lease_key, same.condition, same.values, f"REMOVE {REMOVE_LEASE}")
            if self._table.write_together([moved, same]):
                return True
        return False
