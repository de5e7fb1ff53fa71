"""Decides when the nightly pass over the ledger runs, and which pending deliveries it repairs."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto

from ..domain.times import epoch_milliseconds

FIRST_HOUR = timedelta(hours=2)
"""The pass of a day starts at this time, UTC: the night in Europe, after the campaigns of the day before."""
LONG_PAST = timedelta(hours=1)
"""What is due is enqueued every minute; what has been due for so long may be missing from the index."""
PAGES_A_NIGHT = 500
"""Half a million items are read every night; more of them in turn, so that reading does not cost more and more."""
LONGEST_REST = 7
"""Nights from one pass to the next, at most."""
NEVER_STORED_AFTER = timedelta(days=1)
"""Deliveries without an event after this time are orphans: the event's sender has stopped repeating it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a day's pass. `after` is the key of the last item read; None: not started, or complete."""

    day: str
    after: tuple[str, str] | None = None
    complete: bool = False
    pages: int = 0


def pass_to_run(recorded: Progress | None, now: datetime) -> Progress | None:
    """Returns the pass to start or continue at `now` (aware); None if there is nothing to do before another day.

    An incomplete pass continues, also on the day after: restarted every day, it would never reach the end of a ledger
    that takes longer.
    """
    if recorded is not None and not recorded.complete:
        return recorded
    today = (now.astimezone(UTC) - FIRST_HOUR).date()
    if recorded is not None and today < date.fromisoformat(recorded.day) + timedelta(nights_between(recorded.pages)):
        return None
    return Progress(today.isoformat())


def nights_between(pages: int) -> int:
    """Returns after how many nights a pass of so many pages is followed by the next one: 1 for each `PAGES_A_NIGHT`."""
    return min(LONGEST_REST, max(1, math.ceil(pages / PAGES_A_NIGHT)))


def advanced(progress: Progress, after: tuple[str, str] | None) -> Progress:
    """Returns the same pass one page later; `after` None: that page was the last."""
    return replace(progress, after=after, complete=after is None, pages=progress.pages + 1)


class PendingState(Enum):
    """Whether a pending delivery needs repair."""

    FINE = auto()
    LOST = auto()
    """Sweep will never enqueue it."""
    OVERDUE = auto()
    """It should have been enqueued: LOST if the index does not show it."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The position of a pending delivery in the `due` index, by its own attributes.

    `due_range` is the range of its sort key and `due_at` the time (ms) when it is due; None if it has no sort key, or
    one that nobody would write. `expires_at`: seconds since 1970.
    """

    due_pk: str | None
    due_sk: str | None
    due_range: str | None = None
    due_at: int | None = None
    expires_at: int | None = None


def pending_state(
    entry: IndexEntry, partition: str, swept: Collection[str], *, paused: bool, now: datetime
) -> PendingState:
    """Decides whether a pending delivery of a stored event needs repair.

    `swept` are the ranges of the partition in which sweep looks for it; `paused`: its account or list is
    paused, so it may wait.
    """
    is_swept = entry.due_pk == partition and entry.due_range in swept
    if entry.due_at is None or not is_swept or entry.expires_at is not None:
        return PendingState.LOST
    is_overdue = entry.due_at <= epoch_milliseconds(now - LONG_PAST)
    return PendingState.OVERDUE if is_overdue and not paused else PendingState.FINE
