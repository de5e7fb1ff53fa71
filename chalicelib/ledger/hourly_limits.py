"""Stores which events are within each hourly limit, so that an event counts once however often workers ask.

The events within a limit are the first that workers asked for. They are kept as short digests in that order,
`MARKS_AN_ITEM` to an item of less than 1 KB: admitting costs half a read unit for each 4 KB of them, and a write unit
for each item that grows. What is above a limit writes nothing here.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from ..domain.errors import LedgerUnavailable
from .attributes import strictly
from .table import Table

MARKS_AN_ITEM = 64
_MARK_CHARACTERS = 12
_TRIES = 10


class HourlyLimits:
    """Admits events to limits; each limit and hour has a partition of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def admit(self, partition: str, event_ids: Sequence[str], limit: int, expires_at: datetime) -> frozenset[str]:
        """Returns those of `event_ids` that are within the limit; the first ones go before the others.

        An event that was admitted once is within the limit for good, also if the limit is lower by now. Concurrent
        calls admit at most `limit` events together. The partition expires at `expires_at`, or when a later call says.

        Raises LedgerUnavailable, also if other workers kept writing meanwhile; a repetition is harmless.
        """
        marks = {event_id: _mark(event_id) for event_id in event_ids}
        for attempt in range(_TRIES):
            # What has been added since fails the condition of the write, so the first read need not be consistent.
            chunks = self._read(partition, consistent=attempt > 0)
            if chunks is None:
                continue
            known = {mark for chunk in chunks for mark in _split(chunk)}
            unseen = [mark for mark in dict.fromkeys(marks.values()) if mark not in known]
            fresh = unseen[: max(0, limit - len(known))]
            if attempt == 0 and fresh != unseen:
                continue  # an eventually consistent read must put no event above the limit
            if self._append(partition, chunks, fresh, int(expires_at.timestamp())):
                known.update(fresh)
                return frozenset(event_id for event_id, mark in marks.items() if mark in known)
        raise LedgerUnavailable("too many workers count events of one limit at the same time")

    def _read(self, partition: str, *, consistent: bool) -> list[str] | None:
        """Reads the marks of each item; None if another worker wrote between the reads of two of them."""
        found = self._table.query(partition, consistent=consistent)
        chunks = [strictly(lambda item: item.required("marks", str), item) for item in found]
        whole = all(len(chunk) == MARKS_AN_ITEM * _MARK_CHARACTERS for chunk in chunks[:-1])
        return chunks if whole else None

    def _append(self, partition: str, chunks: Sequence[str], fresh: Sequence[str], expires_at: int) -> bool:
        """Adds marks behind those that were read; False if another worker has added some since."""
        number, seen = (len(chunks) - 1, chunks[-1]) if chunks else (0, "")
        rest = list(fresh)
        while rest:
            room = MARKS_AN_ITEM - len(seen) // _MARK_CHARACTERS
            if room == 0:
                number, seen = number + 1, ""
                continue
            values: dict[str, Any] = {"marks": seen + "".join(rest[:room]), "expires": expires_at}
            if not self._table.try_update(
                (partition, f"{number:05d}"),
                "SET marks = :marks, expires_at = :expires",
                {**values, "seen": seen} if seen else values,
                condition="marks = :seen" if seen else "attribute_not_exists(pk)",
            ):
                return False
            number, seen, rest = number + 1, "", rest[room:]
        return True


def _mark(event_id: str) -> str:
    return urlsafe_b64encode(sha256(event_id.encode()).digest()[:9]).decode()


def _split(chunk: str) -> list[str]:
    return [chunk[start : start + _MARK_CHARACTERS] for start in range(0, len(chunk), _MARK_CHARACTERS)]
