"""Schedules the re-reading of campaign figures where each reading costs a call: less often over time, then never.

A campaign is read hourly for three days from the hour in which it is sent, then daily to the end of day 30, then never.
Daily campaigns have their hours spread over the day. The schedule depends on the hours only, so that a campaign read
and found unchanged needs no write.
"""

from __future__ import annotations

import zlib
from datetime import datetime

from ..domain.times import epoch_milliseconds

HOURLY_HOURS = 3 * 24
FOLLOWED_HOURS = 30 * 24
_MILLISECONDS = 3_600_000


def hours_waiting(campaign: str, sent_at: datetime, now: datetime, last_run: datetime | None) -> int | None:
    """Return for how many hours a campaign has been due; None if it is not due.

    `now` is the schedule's time, `last_run` that of the last run that read everything due (None: there was none); all
    are aware. What fell due after `last_run`, in a run that failed or did not take place, is due until a run succeeds,
    up to 30 days. A second run in the same hour finds the same campaigns due as the first.
    """
    this_hour = _hour(now)
    newest = _newest_turn(campaign, _hour(sent_at), this_hour)
    if newest is None:
        return None
    seen_to = this_hour - FOLLOWED_HOURS
    if last_run is not None:
        seen_to = max(seen_to, _hour(last_run))
    return this_hour - newest if newest == this_hour or newest > seen_to else None


def _newest_turn(campaign: str, sent: int, now: int) -> int | None:
    """Return the newest hour, up to `now`, in which the campaign was due."""
    if now < sent:
        return None
    if now <= sent + HOURLY_HOURS:
        return now
    newest = min(now, sent + FOLLOWED_HOURS)
    return max(sent + HOURLY_HOURS, newest - (newest - zlib.crc32(campaign.encode())) % 24)


def _hour(moment: datetime) -> int:
    """Return whole hours since 1970."""
    return epoch_milliseconds(moment) // _MILLISECONDS
