"""Builds and signs the notices by which a back end gets events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...domain.times import format_time
from ...domain.webhook_signature import ID, SIGNATURE, TIMESTAMP, sign
from ..spec import Occasion
from ..transport.exchange import to_json

NoticeType = Literal["subscriber.signed_up", "subscriber.unsubscribed", "subscriber.forgotten"]


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of one event about one address."""

    type: NoticeType
    email: str = field(repr=False)
    occasion: Occasion
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The id by which a receiver drops repeats: the event's, with a suffix for a second reading of its address."""
        event_id, reading = self.occasion.event_id, self.occasion.reading
        return event_id if reading == 1 else f"{event_id}.{reading}"

    def body(self) -> bytes:
        """Returns the JSON text, the same for every attempt."""
        at = format_time(self.occasion.occurred_at)
        data = {
            "id": self.occasion.event_id,
            "email": self.email,
            "form": self.occasion.form,
            "list": self.occasion.list,
            "fields": dict(self.fields),
            "occurred_at": at,
            "origin": self.occasion.origin,
        }
        return to_json({"type": self.type, "timestamp": at, "data": data})

    def headers(self, body: bytes, secret: str, seconds: int) -> dict[str, str]:
        """Returns the headers of an attempt at this time (seconds since 1970), with its signature."""
        content = b".".join([self.id.encode(), str(seconds).encode(), body])
        return {
            "Content-Type": "application/json",
            ID: self.id,
            TIMESTAMP: str(seconds),
            SIGNATURE: sign(secret, content).decode("ascii"),
        }
