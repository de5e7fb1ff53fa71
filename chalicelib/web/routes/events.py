"""Shows the status of an event: `GET /events/{id}`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ...config.model import Settings
from ...domain.ids import is_valid_id
from ..auth import require_admin
from ..messages import Request, Response
from ..problems import HttpProblem

FindEvent = Callable[[str], Mapping[str, Any] | None]
"""Returns the JSON of an event's status by id, without address or fields; raises `LedgerUnavailable`."""


class EventsRoutes:
    """Shows events. Requires the admin key."""

    def __init__(self, settings: Settings, find_event: FindEvent) -> None:
        self._settings = settings
        self._find_event = find_event

    def show(self, request: Request, event_id: str) -> Response:
        """Return the status of the event and its deliveries."""
        require_admin(self._settings.api, request)
        found = self._find_event(event_id) if is_valid_id(event_id) else None
        if found is None:
            raise HttpProblem(404, "There is no such event.")
        return Response(200, json.dumps(found, ensure_ascii=False), {"content-type": "application/json"})
