"""Scheduled functions that operators may also invoke by hand, with an empty event or only a `time`."""

from __future__ import annotations

from typing import Any

from chalice.app import CloudWatchEvent, EventSourceHandler

_MEMBERS = ("version", "account", "region", "detail-type", "source", "time", "id")


class ScheduledEvent(CloudWatchEvent):
    """EventBridge event with optional members; Chalice's own class raises KeyError for a missing one."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        absent: dict[str, Any] = {**dict.fromkeys(_MEMBERS, ""), "detail": {}, "resources": []}
        super()._extract_attributes({**absent, **event_dict})


def also_by_hand(handler: EventSourceHandler) -> EventSourceHandler:
    """Lets a handler made by `app.schedule` accept events with missing members."""
    handler.event_class = ScheduledEvent
    return handler
