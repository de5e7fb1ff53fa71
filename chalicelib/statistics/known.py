"""Lists an account's stored campaigns, for a provider that needs one call a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.figures import Snapshot
from ..providers.spec import KnownCampaign
from .rereading import hours_waiting


def known_campaigns(listed: Iterable[Snapshot], now: datetime, last_run: datetime | None) -> list[KnownCampaign]:
    """Return the campaigns to read: due ones first, and of these the ones due this hour.

    So a run that ends early has read the campaigns of this hour, and each has its turn within a day. A campaign without
    a sending time is followed from the last change of its figures. `now` is the schedule's time, `last_run` that of the
    last run that read everything due.
    """
    waiting: list[tuple[int, KnownCampaign]] = []
    resting: list[KnownCampaign] = []
    for each in listed:
        hours = hours_waiting(each.campaign, each.sent_at or each.taken_at, now, last_run)
        known = KnownCampaign(each.campaign, each.name, each.subject, each.sent_at, due=hours is not None)
        if hours is None:
            resting.append(known)
        else:
            waiting.append((hours, known))
    waiting.sort(key=lambda pair: pair[0])
    return [known for _, known in waiting] + resting
