"""Treats messages as campaigns: MailPartner cannot list what was sent, so Relais remembers what it sent itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..results import figure, is_stated
from ..spec import CampaignFigures, KnownCampaign
from .models import BulkStatus

_DELIVERED = "delivered"
_BOUNCED = ("not delivered", "bounced")


def started(params: Mapping[str, Any], result: Any) -> CampaignFigures | None:
    """Returns what to remember of a message, from parameters and result of `send`; None for a sandbox message."""
    if params.get("sandbox") or not isinstance(result, Mapping) or not result.get("message_id"):
        return None
    due, sent = result.get("scheduled_delivery_date"), result.get("nb_mail")
    return CampaignFigures(
        campaign=str(result["message_id"]),
        name=params.get("tag"),
        subject=params.get("subject"),
        sent_at=datetime.fromisoformat(due) if due else None,
        sent=figure(sent),
        unreadable=("nb_mail",) if figure(sent) is None and is_stated(sent) else (),
    )


def figures(known: KnownCampaign, status: BulkStatus) -> CampaignFigures:
    """Aggregates the status of a message's recipients; an answer without recipients gives no figures.

    MailPartner states neither opens and clicks nor whether a bounce was hard; it counts as hard, since it is final.
    """
    described = CampaignFigures(known.campaign, known.name, known.subject, known.sent_at)
    if not status.statut_response_list:
        return described
    states = Counter(_state(row.status) for row in status.statut_response_list)
    stopped = sum(row.stop_mail for row in status.statut_response_list)
    return replace(
        described,
        sent=states.total(),
        delivered=states[_DELIVERED],
        hard_bounces=sum(states[state] for state in _BOUNCED),
        unsubscribes=stopped,
        raw={"stopMail": stopped, **{f"status {state}": number for state, number in sorted(states.items())}},
    )


def _state(status: str) -> str:
    """Normalises a status; anything but one or two plain words counts as other, since it may be personal data."""
    state = status.strip().lower()
    return state if re.fullmatch(r"[a-zà-ÿ _-]{1,40}", state) else "other"
