"""The nightly pass over the whole ledger: when it runs, and what it makes of what it finds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

FIRST_HOUR = timedelta(hours=2)
"""The pass of a day begins at this time of it, UTC: the night in Europe, after the campaigns of the day before."""
LONG_PAST = timedelta(hours=1)
"""What is due is rung for every minute; what has been due for so long may be where nobody looks."""
NEVER_HELD_AFTER = timedelta(days=1)
"""Deliveries whose event is not there after this time: its sender has stopped repeating it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the pass of a day has come. `after` is the key of the last item seen; None: it begins, or is complete."""

    day: str
    after: tuple[str, str] | None = None
    complete: bool = False
    pages: int = 0


def to_go_on_with(noted: Progress | None, now: datetime) -> Progress | None:
    """The pass to go on with at `now` (aware); None if there is nothing to do before the next day.

    One that is not complete goes on, also on the day after: begun anew every day, it would never see the end of a
    ledger that takes longer.
    """
    if noted is not None and not noted.complete:
        return noted
    day = (now.astimezone(UTC) - FIRST_HOUR).date().isoformat()
    return None if noted is not None and noted.day >= day else Progress(day)


def further(progress: Progress, after: tuple[str, str] | None) -> Progress:
    """The same pass, one page later; `after` None: that was the last."""
    return replace(progress, after=after, complete=after is None, pages=progress.pages + 1)


class Found(Enum):
    """What there is to do for a pending delivery."""

    FINE = auto()
    LOST = auto()
    """Nothing will ring for it."""
    OVERDUE = auto()
    """It should have been rung for: LOST if the index does not show it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pending delivery stands in the `due` index, by its own attributes. Seconds since 1970, UTC."""

    due_pk: str | None
    due_at: int | None
    expires_at: int | None = None


def found(place: Place, swept: Collection[str], *, paused: bool, now: datetime) -> Found:
    """What there is to do for a pending delivery of an event that is held.

    `swept` are the partitions of the index in which sweep looks for it; `paused`: its account or list waits for a
    provider, and so does it.
    """
    if place.due_at is None or place.due_pk not in swept or place.expires_at is not None:
        return Found.LOST
    is_overdue = place.due_at <= int((now - LONG_PAST).timestamp())
    return Found.OVERDUE if is_overdue and not paused else Found.FINE
