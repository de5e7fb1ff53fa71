"""What a queue's message says: a doorbell, a whole event, or nothing that anybody could read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.times import from_epoch_milliseconds


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS message. `data` is its JSON object; None if it holds none."""

    id: str
    sent_at: datetime
    body: str
    data: Mapping[str, Any] | None


def read_message(record: Mapping[str, Any]) -> Message:
    """A message from a record of Lambda's SQS event."""
    body = record.get("body") or ""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    return Message(
        id=record["messageId"],
        sent_at=from_epoch_milliseconds(int(record["attributes"]["SentTimestamp"])),
        body=body,
        data=data if isinstance(data, dict) else None,
    )
