"""Counts a form's events of an hour, and quarantines and discards deliveries above its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..domain.events import DISCARDED, QUARANTINED, Delivery, Event, EventType, Status
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms, format_time, from_epoch_milliseconds
from .day_counts import QUARANTINED as COUNTED_QUARANTINED, TOUCH, TOUCHED, DayCounts
from .erasing import PERSONAL
from .keys import delivery_key, due_entry, event_key, form_hour_key, quarantine_entry
from .table import ConditionFailed, Table

QUARANTINE_LENGTH = timedelta(hours=24)
COUNTS_EXPIRE_AFTER = timedelta(days=2)
_PENDING = "#status = :pending"
_STATUS_NAME = {"status": "status"}
# As in `stored`: neither released, nor tried since it was read.
_STILL_WAITS = f"{_PENDING} AND quarantined = :yes AND next_at = :seen"


class QuarantineStore:
    """Writes the decision on an event once, and then the state of its deliveries. Every method may raise
    LedgerUnavailable and may be repeated.
    """

    def __init__(self, table: Table, counts: DayCounts | None = None) -> None:
        self._table = table
        self._counts = counts or DayCounts(table)

    def count(self, form: str, hour: datetime, events: int, now: datetime) -> int:
        """Adds `events` (may be negative) to the form's unsubscribes of an hour (aware, its start); returns the sum.

        One atomic write, so that workers never get the same numbers. If its response is lost it is repeated, so the sum
        may be too high, never too low.
        """
        item = self._table.update(
            form_hour_key(form, format_time(hour.astimezone(UTC))),
            "SET expires_at = :expires ADD unsubscribes :events",
            {"expires": int((now + COUNTS_EXPIRE_AFTER).timestamp()), "events": events},
        )
        return int(item["unsubscribes"])

    def decide(self, event: Event, until: datetime | None) -> tuple[bool, datetime | None]:
        """Records that an event was counted and is quarantined until `until` (None: it is not), unless it was decided.

        Returns whether this call decided it, and the decision that counts.
        """
        try:
            self._table.update(
                event_key(event.id),
                "SET counted = :until",
                {"until": to_ms(until) if until else 0},
                condition="attribute_exists(pk) AND attribute_not_exists(counted)",
            )
        except ConditionFailed as decided:
            stored = decided.found.get("counted")
            return False, from_epoch_milliseconds(int(stored)) if stored else None
        return True, until

    def quarantine(self, event: Event, account: str, until: datetime, now: datetime) -> bool:
        """Quarantines an untried delivery that no operator has released; returns whether it was one."""
        values = {
            "pending": Status.PENDING.value,
            "yes": True,
            "reason": QUARANTINED,
            "code": ReasonCode.QUARANTINED.value,
            "next": to_ms(until),
            **quarantine_entry(account, until),
            "time": to_ms(now),
            "none": 0,
        }
        item = self._table.changed(
            delivery_key(event.id, account, event.accounts),
            "SET quarantined = :yes, reason = :reason, reason_code = :code, next_at = :next, due_pk = :due_pk, "
            f"due_sk = :due_sk, updated = :time ADD {TOUCH}",
            {**values, **TOUCHED},
            condition=f"{_PENDING} AND attempts = :none AND attribute_not_exists(released)",
            names=_STATUS_NAME,
        )
        self._counts.record_touch(event, account, item)
        if item is not None and item.get("touched") == 1 and account == event.accounts[0]:  # once an event
            self._counts.add(event, account, COUNTED_QUARANTINED)
        return item is not None

    def release(self, event: Event, delivery: Delivery, now: datetime) -> bool:
        """Makes a quarantined delivery due, if it still waits as in `delivery`; returns whether it did."""
        values = {
            **due_entry(delivery.account, event.type, now),
            "time": to_ms(now),
        }
        return self._change_waiting(
            event,
            delivery,
            "SET due_pk = :due_pk, due_sk = :due_sk, updated = :time, released = :yes "
            "REMOVE reason, reason_code, next_at, quarantined",
            values,
        )

    def discard(self, event: Event, delivery: Delivery, now: datetime, expires_at: int) -> bool:
        """Ends a quarantined delivery, if it still waits as in `delivery`; it can never be sent again.

        The same write erases an event for one account; that for several is erased by `EventStore.expire_when_whole`.
        """
        single = len(event.accounts) == 1
        removed = ["due_pk", "due_sk", "next_at", *(PERSONAL if single else ())]
        values = {
            "refused": Status.REFUSED.value,
            "reason": DISCARDED,
            "code": ReasonCode.DISCARDED.value,
            "time": to_ms(now),
            "expires": expires_at if single else None,
        }
        discarded = self._change_waiting(
            event,
            delivery,
            "SET #status = :refused, reason = :reason, reason_code = :code, updated = :time, erased = :time"
            + (", expires_at = :expires" if single else "")
            + f" REMOVE {', '.join(f'#{name}' for name in removed)}",
            values,
            {name: name for name in removed},
        )
        if discarded:
            ended = replace(delivery, status=Status.REFUSED, reason_code=ReasonCode.DISCARDED)
            self._counts.record_final(event, ended)
        return discarded

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
            names={**_STATUS_NAME, **(names or {})},
        )


def is_counted_by_form(event: Event) -> bool:
    """Returns True for an unsubscribe that came by a website form, whose sender nobody knows."""
    return event.type is EventType.UNSUBSCRIBE and event.form is not None
