"""What an operator may send: deliveries that are final, once more, and those that were held back."""

from __future__ import annotations

from datetime import datetime

from ..domain.events import Event, Status, StoredEvent
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.events import STATUS_NAME, EventStore
from ..ledger.keys import delivery_key, due_partition, event_key, shard_of
from ..ledger.table import ConditionFailed, Table

_NOT_EXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :now)"
_NOT_ERASED = "attribute_not_exists(erased)"
_SAME_ADDRESS = "email = :email"


class Requeues:
    """Makes final deliveries pending again, and pending ones that were held back due."""

    def __init__(self, table: Table, events: EventStore) -> None:
        self._table = table
        self._events = events

    def reopen(self, held: StoredEvent, account: str, now: datetime, *, taken_back: datetime | None = None) -> bool:
        """Make a delivery pending and due, if it still stands as in `held` and its event still holds the address.

        It keeps its attempts and loses its reason, and the event does not expire any more; False if nothing was done.
        `taken_back` is noted with it: see `Delivery.taken_back`. Raises LedgerUnavailable; doing it again is harmless
        then.

        Of an event for several accounts, the items are told before that they do not expire, so that a failure in
        between loses nothing, and once more after: a worker that had found everything final just before may have said
        since that they do. From then on `reopened` has changed and no such worker can.
        """
        event = held.event
        if len(event.accounts) == 1:
            return self._reopen(held, account, now, taken_back)
        if not self._keep(event, now):
            return False
        if not self._reopen(held, account, now, taken_back):
            self._events.expire_when_whole(event, now)  # somebody else came first, and may be done with it already
            return False
        self._keep(event, now)
        return True

    def release(self, held: StoredEvent, account: str, now: datetime) -> bool:
        """Make a delivery that was held back due, if it still waits as in `held`; False if not.

        Raises LedgerUnavailable; doing it again is harmless then.
        """
        event, waits_until = held.event, held.deliveries[account].next_attempt_at
        values = {
            "pending": Status.PENDING.value,
            "yes": True,
            "seen": to_ms(waits_until) if waits_until else None,
            "due_pk": due_partition(account, event.type, shard_of(event.id)),
            "time": to_ms(now),
            "now": to_ms(now) // 1000,
        }
        try:
            self._table.update(
                delivery_key(event.id, account, event.accounts),
                "SET due_pk = :due_pk, due_at = :now, updated = :time REMOVE reason, next_at, held_back",
                values,
                condition="#status = :pending AND held_back = :yes AND next_at = :seen",
                names=STATUS_NAME,
            )
        except ConditionFailed:
            return False
        return True

    def _reopen(self, held: StoredEvent, account: str, now: datetime, taken_back: datetime | None) -> bool:
        event = held.event
        single = len(event.accounts) == 1
        conditions = [
            "#status = :seen",
            _NOT_EXPIRED,
            _NOT_ERASED,
            *([_SAME_ADDRESS] if single and event.email else []),
        ]
        values = {
            "pending": Status.PENDING.value,
            "seen": held.deliveries[account].status.value,
            "due_pk": due_partition(account, event.type, shard_of(event.id)),
            "time": to_ms(now),
            "now": to_ms(now) // 1000,
            "email": event.email if single and event.email else None,
            "taken_back": to_ms(taken_back) if taken_back else None,
        }
        change = "SET #status = :pending, due_pk = :due_pk, due_at = :now, updated = :time, resent = :time"
        if taken_back:
            change += ", taken_back = :taken_back"
        try:
            self._table.update(
                delivery_key(event.id, account, event.accounts),
                f"{change} REMOVE reason, next_at, expires_at",
                values,
                condition=" AND ".join(conditions),
                names=STATUS_NAME,
            )
        except ConditionFailed:
            return False
        return True

    def _keep(self, event: Event, now: datetime) -> bool:
        """Take back that an event and its deliveries expire; False if it has, or holds its address no more."""
        own = [_NOT_EXPIRED, "attribute_exists(pk)", *([_SAME_ADDRESS] if event.email else [])]
        values = {"one": 1, "now": to_ms(now) // 1000}
        change = "REMOVE expires_at ADD reopened :one"

        def keep_delivery(account: str) -> None:
            try:
                self._table.update(
                    delivery_key(event.id, account, event.accounts), change, values, condition=" AND ".join(own[:2])
                )
            except ConditionFailed:
                return  # gone: another account's, long final

        try:
            self._table.update(
                event_key(event.id), change, {**values, "email": event.email or None}, condition=" AND ".join(own)
            )
        except ConditionFailed:
            return False
        self._table.in_parallel(keep_delivery, event.accounts)
        return True
