"""Reads SQS messages: a JSON value, or an unreadable body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain import strict_json
from ..domain.times import from_epoch_milliseconds


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS message; `data` is its JSON value if it is `readable`."""

    id: str
    sent_at: datetime
    body: str
    readable: bool
    data: Any = None


def read_message(record: Mapping[str, Any]) -> Message:
    """Reads a message from a record of Lambda's SQS event."""
    message_id, body = record["messageId"], record.get("body") or ""
    sent_at = from_epoch_milliseconds(int(record["attributes"]["SentTimestamp"]))
    try:
        return Message(message_id, sent_at, body, True, strict_json.load(body))
    except ValueError:
        return Message(message_id, sent_at, body, False)
