"""Converts a provider's campaign figures to a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime

from ..domain.figures import FIGURES, Snapshot
from ..domain.times import to_milliseconds
from ..providers.spec import CampaignFigures


def normalise(account: str, provider: str, figures: CampaignFigures, taken_at: datetime) -> Snapshot:
    """Return the snapshot of a campaign as read at `taken_at` (aware)."""
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


def _storable(text: str | None) -> str | None:
    """Replace lone surrogates, which JSON can express and UTF-8 cannot."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
