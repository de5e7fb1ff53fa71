"""Messages as campaigns: MailPartner cannot list what was sent, so Relais remembers what it sent itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..results import count
from ..spec import CampaignFigures, KnownCampaign
from .models import BulkStatus

_DELIVERED = "delivered"
_BOUNCED = ("not delivered", "bounced")


def begun(params: Mapping[str, Any], result: Any) -> CampaignFigures | None:
    """What to remember of a message, from the parameters and the result of `send`; nothing of a rehearsal."""
    if params.get("sandbox") or not isinstance(result, Mapping) or not result.get("message_id"):
        return None
    due = result.get("scheduled_delivery_date")
    return CampaignFigures(
        campaign=str(result["message_id"]),
        name=params.get("tag"),
        subject=params.get("subject"),
        sent_at=datetime.fromisoformat(due) if due else None,
        sent=count(result.get("nb_mail")),
    )


def figures(known: KnownCampaign, status: BulkStatus) -> CampaignFigures:
    """What has become of a message: aggregates, no recipient. Without any recipient in the answer nothing is known.

    Opens and clicks are not told, nor whether a bounce was hard or soft; it counts as hard, being the last word on it.
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
    """A status as it is compared and counted; whatever is not a plain word or two may be about a person."""
    state = status.strip().lower()
    return state if re.fullmatch(r"[a-zà-ÿ _-]{1,40}", state) else "other"
