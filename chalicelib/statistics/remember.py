"""Stores a campaign that a call has just started, where the provider cannot list it afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .normalise import normalise
from .store import StatsStore

if TYPE_CHECKING:
    from ..providers.spec import CampaignFigures

_BELIEVED = timedelta(days=1)
"""How far before the call a stated sending time may lie: clocks differ, and time zones are missing."""


def remember(store: StatsStore, account: str, provider: str, begun: CampaignFigures, now: datetime) -> None:
    """Store the campaign, so that the next run reads its figures. Raises `StatsUnavailable`.

    Its sending time is `now` (aware) where the provider states none, or one long before the call.
    """
    stated = begun.sent_at
    sent_at = now if stated is None or stated < now - _BELIEVED else stated
    row = normalise(account, provider, replace(begun, sent_at=sent_at), now)
    store.record(store.newest(account, [row.campaign]).get(row.campaign), row, now)
