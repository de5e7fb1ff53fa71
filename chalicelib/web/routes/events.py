"""Shows the status of an event: `GET /events/{id}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...domain.ids import is_valid_id
from ...services import Services
from ..admin import require_admin
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem

FindEvent = Callable[[str], Mapping[str, Any] | None]
"""Returns the JSON of an event's status by id, without address or fields; raises `LedgerUnavailable`."""


class EventsRoutes:
    """Shows events. Requires the admin key."""

    def __init__(self, services: Services, find_event: FindEvent) -> None:
        self._services = services
        self._find_event = find_event

    def show(self, request: Request, event_id: str) -> Response:
        """Return the status of the event and its deliveries."""
        require_admin(self._services, request)
        found = self._find_event(event_id) if is_valid_id(event_id) else None
        if found is None:
            raise HttpProblem(404, "There is no such event.")
        return json_response(200, found)
