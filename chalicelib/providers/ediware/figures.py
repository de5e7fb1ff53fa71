"""Reads campaigns as the figures that all providers share."""

from __future__ import annotations

from ..results import is_stated
from ..spec import CampaignFigures
from .models import Row, campaign

_FIGURES = ("volume", "open_unique", "open", "click_unique", "click", "hard_bounce", "soft_bounce", "unsubscribe")


def figures(row: Row) -> CampaignFigures:
    """Reads a row of `campaigns_stats` as the figures that all providers share; Ediware states no delivered count."""
    own = campaign(row)
    return CampaignFigures(
        campaign=own.id,
        name=own.reference or None,
        subject=own.subject or None,
        sent_at=own.sent,
        sent=own.volume,
        opens=own.open,
        unique_opens=own.open_unique,
        clicks=own.click,
        unique_clicks=own.click_unique,
        hard_bounces=own.hard_bounce,
        soft_bounces=own.soft_bounce,
        unsubscribes=own.unsubscribe,
        unreadable=tuple(name for name in _FIGURES if getattr(own, name) is None and is_stated(row.get(name))),
        raw={name: value for name, value in row.items() if isinstance(value, str | int | float) or value is None},
    )
