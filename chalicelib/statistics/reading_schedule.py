"""Schedules the reading of campaigns whose figures cost one call each: less often over time, then never.

A campaign is read hourly for three days from the hour in which it is sent, then daily to the end of day 30, then never.
Daily campaigns have their hours spread over the day. The schedule depends on the hours only, so that a campaign read
and found unchanged needs no write.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime

from ..domain.figures import Snapshot
from ..domain.times import epoch_milliseconds
from ..providers.spec import KnownCampaign

HOURLY_HOURS = 3 * 24
FOLLOWED_HOURS = 30 * 24
_MILLISECONDS = 3_600_000


def known_campaigns(listed: Iterable[Snapshot], now: datetime, last_run: datetime | None) -> list[KnownCampaign]:
    """Returns all stored campaigns: those due first, and among them those that became due this hour first.

    So a run that ends early has read the campaigns of this hour, and each has its turn within a day. A campaign without
    a sending time is followed from the last change of its figures. `now` and `last_run` as for `hours_due`.
    """
    due: list[tuple[int, KnownCampaign]] = []
    not_due: list[KnownCampaign] = []
    for each in listed:
        hours = hours_due(each.campaign, each.sent_at or each.taken_at, now, last_run)
        known = KnownCampaign(each.campaign, each.name, each.subject, each.sent_at, due=hours is not None)
        if hours is None:
            not_due.append(known)
        else:
            due.append((hours, known))
    due.sort(key=lambda pair: pair[0])
    return [known for _, known in due] + not_due


def hours_due(campaign: str, sent_at: datetime, now: datetime, last_run: datetime | None) -> int | None:
    """Returns for how many hours a campaign has been due; None if it is not due.

    `now` is the schedule's time, `last_run` that of the last run that read everything due (None: there was none); all
    are aware. What fell due after `last_run`, in a run that failed or did not take place, is due until a run succeeds,
    up to 30 days. A second run in the same hour finds the same campaigns due as the first.
    """
    this_hour = _hour(now)
    newest = _newest_due_hour(campaign, _hour(sent_at), this_hour)
    if newest is None:
        return None
    read_until = this_hour - FOLLOWED_HOURS
    if last_run is not None:
        read_until = max(read_until, _hour(last_run))
    return this_hour - newest if newest == this_hour or newest > read_until else None


def _newest_due_hour(campaign: str, sent: int, now: int) -> int | None:
    """Returns the newest hour, up to `now`, in which the campaign was due."""
    if now < sent:
        return None
    if now <= sent + HOURLY_HOURS:
        return now
    newest = min(now, sent + FOLLOWED_HOURS)
    return max(sent + HOURLY_HOURS, newest - (newest - zlib.crc32(campaign.encode())) % 24)


def _hour(moment: datetime) -> int:
    """Returns whole hours since 1970."""
    return epoch_milliseconds(moment) // _MILLISECONDS
