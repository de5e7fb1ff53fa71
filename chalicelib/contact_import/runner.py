"""Imports rows chunk by chunk: stores their events and records progress after each chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice

from ..clock import Clock
from ..domain.events import Event
from ..jobs.errors import FileChanged, OutOfTime
from ..jobs.store import Progress
from .rows import Row, Rows
from .signups import Signups

CHUNK = 500
"""Rows stored and recorded together."""
BAD_SHOWN = 20
"""Row numbers of bad rows that are stored."""

StoreEvents = Callable[[Sequence[Event]], None]
"""Stores events before it returns, and notifies workers. Raises LedgerUnavailable."""
RecordProgress = Callable[[Progress], None]
"""Stores the progress of the sync. Raises to stop it."""


@dataclass(slots=True)
class Import:
    """Imports the remaining rows of a sync, with at most one chunk in memory."""

    store: StoreEvents
    record: RecordProgress
    still_time: Callable[[], bool]
    clock: Clock

    def run(self, rows: Rows, signups: Signups, progress: Progress) -> Progress:
        """Continue from `progress` to the end.

        Raises:
            FileChanged: The rows so far are not those that `progress` was recorded for.
            OutOfTime: Progress is recorded, and another invocation continues.
        """
        digest = sha256(repr(list(rows.columns)).encode())
        source = rows.rows
        self._skip(source, progress, digest.update)
        if progress.rows and digest.hexdigest() != progress.digest:
            raise FileChanged
        while chunk := list(islice(source, CHUNK)):
            events = [signups.of(row, self.clock()) for row in chunk]
            self.store(events)
            for row in chunk:
                digest.update(_bytes(row))
            progress = replace(_counted(progress, chunk, events), digest=digest.hexdigest(), failures=0)
            self.record(progress)
            if not self.still_time():
                raise OutOfTime
        return progress

    def _skip(self, source: Iterator[Row], progress: Progress, seen: Callable[[bytes], None]) -> None:
        for count, row in enumerate(islice(source, progress.rows), 1):
            seen(_bytes(row))
            if count % CHUNK == 0:
                self.record(progress)


def _counted(progress: Progress, chunk: Sequence[Row], events: Sequence[Event]) -> Progress:
    bad = [row.number for row, event in zip(chunk, events, strict=True) if event.refused is not None]
    return replace(
        progress,
        rows=progress.rows + len(chunk),
        refused=progress.refused + len(bad),
        bad=(*progress.bad, *bad)[:BAD_SHOWN],
    )


def _bytes(row: Row) -> bytes:
    return repr(row).encode("utf-8", "surrogatepass")
