"""Counts what became of events, by account, form, day of acceptance and outcome: in one item a day.

A worker collects the counts of a batch and writes them once at its end, so that no event costs a write. They are exact
as far as the state changes are that they count, which are conditional writes; a worker that dies before it writes loses
those of its batch, and a write whose response is lost may count it twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ..domain.errors import LedgerUnavailable
from ..observability import logger, metrics
from .table import Key, Table

_PARTITION = "S#counts"
_PER_WRITE = 60
"""Counts of one write: an update expression has at most 4 KB."""

ACCEPTED = "accepted"
UNSUBSCRIBES = "unsubscribes"
DELIVERED = "delivered"
SUPERSEDED = "superseded"
PARKED = "parked"
QUARANTINED = "quarantined"
REFUSED = "refused"
"""As `refused:CODE`, with the code of the reason."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """The number of one outcome of a day. `form` is empty for events that name none; `code`: why they were refused."""

    day: date
    account: str
    form: str
    outcome: str
    code: str | None
    number: int


class DayCounts:
    """Collects counts, writes and reads them. Thread-safe."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._collected: dict[str, Counter[str]] = {}

    def add(
        self,
        accepted_at: datetime,
        account: str,
        form: str | None,
        outcome: str,
        code: str | None = None,
        number: int = 1,
    ) -> None:
        """Collects a count (negative: one that was undone) of the UTC day on which an event was accepted."""
        name = "#".join((form or "", account, f"{outcome}:{code}" if code else outcome))
        with self._lock:
            self._collected.setdefault(accepted_at.astimezone(UTC).date().isoformat(), Counter())[name] += number

    def flush(self) -> None:
        """Writes what was collected. What the ledger does not take is lost, logged and counted: nobody waits for it."""
        with self._lock:
            collected, self._collected = self._collected, {}
        for day, counts in collected.items():
            changed = [(name, number) for name, number in sorted(counts.items()) if number]
            for start in range(0, len(changed), _PER_WRITE):
                part = changed[start : start + _PER_WRITE]
                try:
                    self._table.update(
                        _day_key(day),
                        "ADD " + ", ".join(f"#n{place} :v{place}" for place in range(len(part))),
                        {f"v{place}": number for place, (_, number) in enumerate(part)},
                        names={f"n{place}": name for place, (name, _) in enumerate(part)},
                    )
                except LedgerUnavailable as error:
                    logger.warning("counts of forms lost", extra={"error": str(error), "counts": len(part)})
                    metrics.count("lost_counts", len(part))

    def read(self, first: date, last: date) -> list[DayCount]:
        """Returns the counts of some days (both included), the newest day first, in one query.

        Numbers that are 0, or below it since a correction came before what it corrects, are left out. Raises
        LedgerUnavailable.
        """
        items = self._table.query(_PARTITION, (first.isoformat(), last.isoformat()))
        return [count for item in reversed(items) for count in _counts_from(item)]


def _day_key(day: str) -> Key:
    return _PARTITION, day


def _counts_from(item: dict[str, Any]) -> Iterator[DayCount]:
    day = date.fromisoformat(item["sk"])
    for name, number in item.items():
        parts = name.split("#")
        if len(parts) == 3 and isinstance(number, int) and number > 0:
            outcome, _, code = parts[2].partition(":")
            yield DayCount(day, parts[1], parts[0], outcome, code or None, number)
