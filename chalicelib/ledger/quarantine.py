"""Quarantines deliveries above a limit of their form, releases them, and ends those that are not delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..domain.events import QUARANTINED, Delivery, Event, EventType, Status
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms
from .day_counts import QUARANTINED as COUNTED_QUARANTINED, TOUCH, TOUCHED, DayCounts
from .erasing import PERSONAL
from .events import PENDING, STATUS_NAME
from .keys import delivery_key, due_entry, quarantine_entry, unconfirmed_entry
from .table import Table

QUARANTINE_LENGTH: Mapping[EventType, timedelta] = {
    EventType.UNSUBSCRIBE: timedelta(hours=24),
    EventType.SIGNUP: timedelta(days=30),
}
"""Counted from the acceptance. Then an unsubscribe is delivered, and a signup is refused and erased."""
# As in `stored`: neither released, nor tried since it was read.
_STILL_WAITS = f"{PENDING} AND quarantined = :yes AND next_at = :seen"


class QuarantineStore:
    """Changes the state of quarantined deliveries. Every method may raise LedgerUnavailable and may be repeated."""

    def __init__(self, table: Table, counts: DayCounts | None = None) -> None:
        self._table = table
        self._counts = counts or DayCounts(table)

    def quarantine(self, event: Event, account: str, until: datetime, now: datetime) -> bool:
        """Quarantines an untried delivery that no operator has released; returns whether it was one."""
        values = {
            "pending": Status.PENDING.value,
            "yes": True,
            "reason": QUARANTINED,
            "code": ReasonCode.QUARANTINED.value,
            "next": to_ms(until),
            **quarantine_entry(account, event.type, until),
            "time": to_ms(now),
            "none": 0,
        }
        item = self._table.changed(
            delivery_key(event.id, account, event.accounts),
            "SET quarantined = :yes, reason = :reason, reason_code = :code, next_at = :next, due_pk = :due_pk, "
            f"due_sk = :due_sk, updated = :time ADD {TOUCH}",
            {**values, **TOUCHED},
            condition=f"{PENDING} AND attempts = :none AND attribute_not_exists(released)",
            names=STATUS_NAME,
        )
        self._counts.record_touch(event, account, item)
        if item is not None and item.get("touched") == 1 and account == event.accounts[0]:  # once an event
            self._counts.add(event, account, COUNTED_QUARANTINED)
        return item is not None

    def release(self, event: Event, delivery: Delivery, now: datetime) -> bool:
        """Makes a quarantined delivery due, if it still waits as in `delivery`; returns whether it did.

        The time until it is given up counts from now.
        """
        values = {
            **(unconfirmed_entry(now) if event.awaits_confirmation else due_entry(delivery.account, event.type, now)),
            "time": to_ms(now),
        }
        return self._change_waiting(
            event,
            delivery,
            "SET due_pk = :due_pk, due_sk = :due_sk, updated = :time, released = :yes, resent = :time "
            "REMOVE reason, reason_code, next_at, quarantined",
            values,
        )

    def end(self, event: Event, delivery: Delivery, code: ReasonCode, now: datetime, expires_at: int) -> bool:
        """Ends a quarantined delivery as refused, if it still waits as in `delivery`; it can never be sent again.

        The same write erases an event for one account; that for several is erased by `EventStore.expire_when_whole`.
        """
        single = len(event.accounts) == 1
        removed = ["due_pk", "due_sk", "next_at", *(PERSONAL if single else ())]
        values = {
            "refused": Status.REFUSED.value,
            "reason": code.value,
            "code": code.value,
            "time": to_ms(now),
            "expires": expires_at if single else None,
        }
        ended = self._change_waiting(
            event,
            delivery,
            "SET #status = :refused, reason = :reason, reason_code = :code, updated = :time, erased = :time"
            + (", expires_at = :expires" if single else "")
            + f" REMOVE {', '.join(f'#{name}' for name in removed)}",
            values,
            {name: name for name in removed},
        )
        if ended:
            self._counts.record_final(event, replace(delivery, status=Status.REFUSED, reason_code=code))
        return ended

    def _change_waiting(
        self,
        event: Event,
        delivery: Delivery,
        change: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> bool:
        seen = to_ms(delivery.next_attempt_at) if delivery.next_attempt_at else None
        return self._table.try_update(
            delivery_key(event.id, delivery.account, event.accounts),
            change,
            {**values, "pending": Status.PENDING.value, "yes": True, "seen": seen},
            condition=_STILL_WAITS,
            names={**STATUS_NAME, **(names or {})},
        )
