"""Requeues final deliveries and releases quarantined ones, for operators."""

from __future__ import annotations

from datetime import datetime

from ..domain.events import Event, Status, StoredEvent
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.events import STATUS_NAME
from ..ledger.keys import delivery_key, due_entry, event_key
from ..ledger.quarantine import QuarantineStore
from ..services import Services

_NOT_EXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :now)"
_NOT_ERASED = "attribute_not_exists(erased)"
_SAME_ADDRESS = "email = :email"


class Requeues:
    """Makes final deliveries pending again, and quarantined ones due."""

    def __init__(self, services: Services) -> None:
        self._table = services.table
        self._events = services.events
        self._counts = services.counts
        self._quarantine = QuarantineStore(services.table, services.counts)

    def requeue(self, stored: StoredEvent, account: str, now: datetime, *, reverted_at: datetime | None = None) -> bool:
        """Makes a delivery pending and due, if it still is as in `stored` and its event still has the address.

        The number of attempts stays, but those of unknown outcome count anew; the reason is removed, and the event no
        longer expires. `reverted_at` is stored, see `Delivery.reverted_unsubscribe_at`. Returns False if nothing
        changed. Raises LedgerUnavailable; a repetition is harmless.

        For an event with several accounts, the expiry is removed from all items before, so that a failure in between
        loses nothing, and again after: a worker that had just found all deliveries final may have set it in between.
        From then on it cannot, since `requeued` has changed.
        """
        event = stored.event
        if len(event.accounts) == 1:
            return self._requeue(stored, account, now, reverted_at)
        if not self._remove_expiry(event, now):
            return False
        if not self._requeue(stored, account, now, reverted_at):
            self._events.expire_when_whole(event, now)  # another worker was first, and may have finished already
            return False
        self._remove_expiry(event, now)
        return True

    def release(self, stored: StoredEvent, account: str, now: datetime) -> bool:
        """Makes a quarantined delivery due, if it still waits as in `stored`; False if not.

        Raises LedgerUnavailable; a repetition is harmless.
        """
        return self._quarantine.release(stored.event, stored.deliveries[account], now)

    def make_due(self, stored: StoredEvent, account: str, now: datetime) -> bool:
        """Makes a pending delivery due now, unless an attempt was recorded since `stored` was read.

        Raises LedgerUnavailable; a repetition is harmless.
        """
        return self._table.try_update(
            delivery_key(stored.event.id, account, stored.event.accounts),
            "SET due_pk = :due_pk, due_sk = :due_sk REMOVE next_at",
            {
                **due_entry(account, stored.event.type, now),
                "attempts": stored.deliveries[account].attempts,
                "pending": Status.PENDING.value,
            },
            condition="#status = :pending AND attempts = :attempts",
            names=STATUS_NAME,
        )

    def discard(self, stored: StoredEvent, account: str, now: datetime) -> bool:
        """Ends a quarantined delivery `refused`, if it still waits as in `stored`; False if not.

        Once all deliveries of the event are final, it is erased. Raises LedgerUnavailable; a repetition is harmless.
        """
        event = stored.event
        delivery, expires_at = stored.deliveries[account], self._events.expiry(now)
        discarded = self._quarantine.end(event, delivery, ReasonCode.DISCARDED, now, expires_at)
        if len(event.accounts) > 1:
            self._events.expire_when_whole(event, now)
        return discarded

    def _requeue(self, stored: StoredEvent, account: str, now: datetime, reverted_at: datetime | None) -> bool:
        event = stored.event
        conditions = ["#status = :seen", _NOT_EXPIRED, _NOT_ERASED]
        values = {
            "pending": Status.PENDING.value,
            "seen": stored.deliveries[account].status.value,
            **due_entry(account, event.type, now),
            "time": to_ms(now),
            "now": to_ms(now) // 1000,
            "reverted": to_ms(reverted_at) if reverted_at else None,
        }
        if len(event.accounts) == 1 and event.email:
            conditions.append(_SAME_ADDRESS)
            values["email"] = event.email
        change = "SET #status = :pending, due_pk = :due_pk, due_sk = :due_sk, updated = :time, resent = :time"
        if reverted_at:
            change += ", reverted_unsubscribe_at = :reverted"
        requeued = self._table.try_update(
            delivery_key(event.id, account, event.accounts),
            f"{change} REMOVE reason, reason_code, next_at, expires_at, unknown_attempts",
            values,
            condition=" AND ".join(conditions),
            names=STATUS_NAME,
        )
        if requeued:
            self._counts.record_final(event, stored.deliveries[account], -1)
        return requeued

    def _remove_expiry(self, event: Event, now: datetime) -> bool:
        """Removes the expiry of an event and its deliveries; False if it has expired or its address is gone."""
        exists = f"{_NOT_EXPIRED} AND attribute_exists(pk)"
        own = f"{exists} AND {_SAME_ADDRESS}" if event.email else exists
        values = {"one": 1, "now": to_ms(now) // 1000}
        change = "REMOVE expires_at ADD requeued :one"
        if not self._table.try_update(
            event_key(event.id), change, {**values, "email": event.email or None}, condition=own
        ):
            return False
        keys = [delivery_key(event.id, account, event.accounts) for account in event.accounts]
        # A delivery that has expired is another account's, final long ago.
        self._table.in_parallel(lambda key: self._table.try_update(key, change, values, condition=exists), keys)
        return True
