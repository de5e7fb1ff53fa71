"""Counts what became of events, by account, form, day of acceptance and outcome: in one item a day.

A worker collects the counts of a batch and writes them once at its end, so that no event costs a write. Each change of
state is counted once, since it is a conditional write, with two exceptions: a worker that dies before it writes loses
the counts of its batch, and a write whose response is lost may count twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status, StoredEvent
from ..domain.reasons import NEVER_LISTED, ReasonCode
from ..observability import logger, metrics
from .keys import delivery_key
from .table import Table

_PARTITION = "S#counts"
_TYPES = frozenset(type.value for type in EventType)
_HOURS = "#hours"
"""Suffix of the name of the set of hours (UTC) in which a form brought signups, except those that filled the trap."""
_COPY = "copy"
"""Suffix of the name of a count of copies."""
_PER_WRITE = 60
"""Counts of one write: an update expression has at most 4 KB."""

ACCEPTED = "accepted"
QUARANTINED = "quarantined"
"""What is counted beside the final states: each event once, when a worker first deals with it; each quarantine."""
TOUCH = "touched :touch"
"""Part of every change that a worker makes at a delivery: the new item shows whether it was the first."""
TOUCHED = {"touch": 1}
TOUCHED_FIRST = {"touched": 1}


@dataclass(frozen=True, slots=True)
class DayCount:
    """The number of one outcome of a day. `form` is empty for events that name none; `code`: why they were refused."""

    day: date
    account: str
    form: str
    type: EventType
    outcome: str
    code: str | None
    number: int
    copy: bool = False
    """The count is of copies of signups, which count for their accounts and not for the form."""


class DayCounts:
    """Collects counts, and the hours in which each form brought signups; writes and reads them. Thread-safe."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._collected: dict[str, Counter[str]] = {}
        self._hours: dict[tuple[str, str], set[int]] = {}

    def record_touch(
        self, event: Event, account: str, item: Mapping[str, Any] | None, *, by_robot: bool = False
    ) -> None:
        """Counts the event as accepted if `item`, as just written, was touched for the first time.

        An event for several accounts counts at its first one.
        """
        if item is not None and item.get("touched") == 1 and account == event.accounts[0]:
            self.add(event, account, ACCEPTED)
            if event.form is not None and event.type is EventType.SIGNUP and not by_robot:
                at = event.accepted_at.astimezone(UTC)
                with self._lock:
                    self._hours.setdefault((at.date().isoformat(), event.form), set()).add(at.hour)

    def record_final(self, event: Event, delivery: Delivery, number: int = 1) -> None:
        """Counts the final state of a delivery; with -1 one that was undone."""
        code = delivery.reason_code.value if delivery.status is Status.REFUSED and delivery.reason_code else None
        self.add(event, delivery.account, delivery.status.value, code, number)

    def record_refused(self, event: Event) -> None:
        """Counts an event that the caller has just stored as refused."""
        for account in event.accounts:
            self.record_touch(event, account, TOUCHED_FIRST)
            self.record_final(event, Delivery(account, Status.REFUSED, reason_code=event.refused_code))

    def record_robots(self, events: Iterable[StoredEvent]) -> None:
        """Counts signups that were stored as `trap` or `spam`, each once; only these cost a write each.

        If the ledger fails, the signup is counted when its event is announced again, if ever.
        """
        robots = [
            (one.event, delivery)
            for one in events
            for delivery in one.deliveries.values()
            if delivery.status is Status.REFUSED and delivery.reason_code in NEVER_LISTED
        ]
        self._table.in_parallel(self._record_robot, robots)

    def _record_robot(self, robot: tuple[Event, Delivery]) -> None:
        event, delivery = robot
        try:
            item = self._table.changed(
                delivery_key(event.id, delivery.account, event.accounts),
                f"ADD {TOUCH}",
                {"refused": Status.REFUSED.value, **TOUCHED},
                condition="#status = :refused AND attribute_not_exists(touched)",
                names={"status": "status"},
            )
        except LedgerUnavailable as error:
            logger.warning("counts of forms lost", extra={"error": str(error), "counts": 1})
            metrics.count("lost_counts")
            return
        if item is not None:
            trapped = delivery.reason_code is ReasonCode.TRAP
            self.record_touch(event, delivery.account, item, by_robot=trapped)
            self.record_final(event, delivery)

    def add(self, event: Event, account: str, outcome: str, code: str | None = None, number: int = 1) -> None:
        """Collects a count of the UTC day on which an event was accepted; signups that Relais makes are left out.

        Copies are counted separately, under a name that earlier versions do not read.
        """
        if event.only_lifts_suppression and event.refused is None:
            return
        parts = (event.form or "", account, event.type.value, f"{outcome}:{code}" if code else outcome)
        name = "#".join((*parts, _COPY) if event.is_copy(account) else parts)
        with self._lock:
            self._collected.setdefault(event.accepted_at.astimezone(UTC).date().isoformat(), Counter())[name] += number

    def flush(self) -> None:
        """Writes what was collected. Counts that the ledger does not accept are lost, which is logged and counted."""
        with self._lock:
            collected, self._collected = self._collected, {}
            hours, self._hours = self._hours, {}
        for day, counts in collected.items():
            changed: list[tuple[str, int | set[int]]] = [(name, one) for name, one in sorted(counts.items()) if one]
            changed += [(form + _HOURS, those) for (on, form), those in sorted(hours.items()) if on == day]
            for start in range(0, len(changed), _PER_WRITE):
                part = changed[start : start + _PER_WRITE]
                try:
                    self._table.update(
                        (_PARTITION, day),
                        "ADD " + ", ".join(f"#n{place} :v{place}" for place in range(len(part))),
                        {f"v{place}": number for place, (_, number) in enumerate(part)},
                        names={f"n{place}": name for place, (name, _) in enumerate(part)},
                    )
                except LedgerUnavailable as error:
                    logger.warning("counts of forms lost", extra={"error": str(error), "counts": len(part)})
                    metrics.count("lost_counts", len(part))

    def read(self, first: date, last: date) -> list[DayCount]:
        """Returns the counts of some days (both included), the newest day first, in one query.

        Numbers of 0 or less are left out: a correction may be written before the count that it corrects. Raises
        LedgerUnavailable.
        """
        return self.read_with_hours(first, last)[0]

    def read_with_hours(self, first: date, last: date) -> tuple[list[DayCount], dict[str, datetime]]:
        """Reads as `read`, and returns also the start of the last hour in which each form brought a person's signup."""
        items = self._table.query(_PARTITION, (first.isoformat(), last.isoformat()))
        hours: dict[str, datetime] = {}
        for item in items:  # the newest last
            day = datetime.combine(date.fromisoformat(item["sk"]), time(), UTC)
            for name, value in item.items():
                if name.endswith(_HOURS) and isinstance(value, set):
                    hours[name.removesuffix(_HOURS)] = day + timedelta(hours=max(value))
        return [count for item in reversed(items) for count in _counts_from(item)], hours


def _counts_from(item: dict[str, Any]) -> Iterator[DayCount]:
    day = date.fromisoformat(item["sk"])
    for name, number in item.items():
        parts = name.split("#")
        copy = parts[4:] == [_COPY]
        if len(parts) == 4 + copy and isinstance(number, int) and number > 0 and parts[2] in _TYPES:
            outcome, _, code = parts[3].partition(":")
            yield DayCount(day, parts[1], parts[0], EventType(parts[2]), outcome, code or None, number, copy)
