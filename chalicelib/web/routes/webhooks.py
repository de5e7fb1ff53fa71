"""Route of back ends: `POST /events`, signed, one event or up to a thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...domain.errors import FieldError, IdConflict, InvalidEvent
from ...domain.events import Event
from ...ingestion.accept import OTHER_CONTENT, accept_all
from ...ingestion.event_batch import EventBatch, check_size, event_of, read_event_batch
from ...ingestion.parse_event import ERRORS_AN_EVENT, at_most
from ...ingestion.signatures import NotSigned, Signed, verify
from ...observability import log_context, logger, metrics
from ...services import Services
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem

_ERRORS_AN_ANSWER = 100
"""A Lambda answer has at most 6 MB."""


@dataclass
class EventDecisions:
    """The decision on each event of a body, by index."""

    accepted: dict[int, str] = field(default_factory=dict)
    rejected: dict[int, Sequence[FieldError]] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        """Returns the members of the answer's JSON."""
        return {
            "accepted": len(self.accepted),
            "events": [{"index": index, "id": event_id} for index, event_id in sorted(self.accepted.items())],
            "rejected": [
                {"index": index, "errors": [{"field": one.field, "message": one.message} for one in errors]}
                for index, errors in sorted(self.rejected.items())
            ],
        }


class WebhooksRoutes:
    """Parses signed bodies into events and stores the valid ones."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def receive(self, request: Request) -> Response:
        """Stores the events of a signed body. Verifies the signature before it parses the body."""
        sent = request.content()
        check_size(sent)
        now = self._services.effects.clock()
        signed = self._signed(request.headers, sent, now)
        with log_context(webhook=" ".join(webhook.name for webhook in signed.webhooks)):
            batch = read_event_batch(request.headers, sent)
            decisions = self._decide(batch, signed, now)
            metrics.count("rejected", len(decisions.rejected))
            logger.info(
                "events received", extra={"accepted": len(decisions.accepted), "rejected": len(decisions.rejected)}
            )
        if not decisions.accepted:
            raise _refusal(batch, decisions)
        return json_response(202, decisions.members())

    def _signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed:
        try:
            return verify(self._services.settings.webhooks.values(), headers, body, now)
        except NotSigned as error:
            metrics.count("unsigned_requests")
            logger.warning("webhook signature rejected: %s", error)
            raise HttpProblem(401, str(error), headers={"www-authenticate": 'Webhook realm="relais"'}) from None

    def _decide(self, batch: EventBatch, signed: Signed, now: datetime) -> EventDecisions:
        """Validates every event, then stores the valid ones, before anything is answered."""
        decisions = EventDecisions()
        events: dict[int, Event] = {}
        for index, value in enumerate(batch.values):
            try:
                events[index] = event_of(value, index, signed, self._services.settings, now)
            except InvalidEvent as error:
                decisions.rejected[index] = at_most(error.field_errors, ERRORS_AN_EVENT)
        stored = accept_all(self._services, list(events.values())) if events else ()
        for (index, event), is_stored in zip(events.items(), stored, strict=True):
            if is_stored:
                decisions.accepted[index] = event.id
            else:
                decisions.rejected[index] = [OTHER_CONTENT]
        return decisions


def _refusal(batch: EventBatch, decisions: EventDecisions) -> Exception:
    """Returns the error when nothing was accepted: that of a single event, or one for all events of the list."""
    members: Mapping[str, Any] = decisions.members()
    if not batch.alone:
        named = [
            FieldError(f"events[{index}].{one.field}".rstrip("."), one.message)
            for index, field_errors in sorted(decisions.rejected.items())
            for one in field_errors
        ]
        errors = at_most(named, _ERRORS_AN_ANSWER)
        return HttpProblem(422, "None of the events can be accepted.", errors=errors, members=members)
    if decisions.rejected[0] == [OTHER_CONTENT]:
        return IdConflict("the id of a single event is already stored with other content")
    return HttpProblem(422, "Some of the fields are wrong.", errors=decisions.rejected[0], members=members)
