"""Makes snapshots of the campaigns that providers report, and stores one of a campaign that a call has started."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..domain.figures import FIGURES, Snapshot
from ..domain.times import to_milliseconds

if TYPE_CHECKING:
    from ..providers.spec import CampaignFigures
    from .store import StatsStore

_CREDIBLE = timedelta(days=1)
"""How far before the call a stated sending time may lie: clocks differ, and time zones are missing."""


def snapshot_from(account: str, provider: str, figures: CampaignFigures, taken_at: datetime) -> Snapshot:
    """Returns the snapshot of a campaign as read at `taken_at` (aware)."""
    return Snapshot(
        account=account,
        provider=provider,
        campaign=figures.campaign,
        name=_storable(figures.name),
        subject=_storable(figures.subject),
        sent_at=None if figures.sent_at is None else to_milliseconds(figures.sent_at),
        taken_at=taken_at.astimezone(UTC).replace(microsecond=0),
        raw=figures.raw,
        **{name: getattr(figures, name) for name in FIGURES},
    )


def record_started(store: StatsStore, account: str, provider: str, started: CampaignFigures, now: datetime) -> None:
    """Stores a campaign that the provider cannot list, so that the next run reads its figures.

    Its sending time is `now` (aware) where the provider states none, or one long before the call. Raises
    `StatsUnavailable`.
    """
    stated = started.sent_at
    sent_at = now if stated is None or stated < now - _CREDIBLE else stated
    row = snapshot_from(account, provider, replace(started, sent_at=sent_at), now)
    store.record(store.newest(account, [row.campaign]).get(row.campaign), row, now)


def _storable(text: str | None) -> str | None:
    """Replaces lone surrogates, which JSON can express and UTF-8 cannot."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
