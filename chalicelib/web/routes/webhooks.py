"""The back ends' route: `POST /events`, signed, one event or up to a thousand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...clock import Clock
from ...config.model import Settings
from ...domain.errors import FieldError, IdConflict, InvalidEvent
from ...domain.events import Event
from ...ingestion.event_batch import EventBatch, check_size, event_of, read_event_batch
from ...ingestion.signatures import NotSigned, Signed, verify
from ...observability import bound, logger, metrics
from ..messages import Request, Response
from ..problems import HttpProblem

AcceptAll = Callable[[Sequence[Event]], Sequence[bool]]
"""Holds events durably before it returns; for each whether it is held (False: its id is held with other content).

Raises `LedgerUnavailable` when not all of them could be tried; repeating is safe.
"""

OTHER_CONTENT = FieldError("id", "was used before, with other content")
# A Lambda answer has at most 6 MB, and an event can have thousands of fields that are all wrong.
_MISTAKES_AN_EVENT = 10
_MISTAKES_AN_ANSWER = 100


@dataclass
class Verdicts:
    """What became of each event of a body, by index."""

    accepted: dict[int, str] = field(default_factory=dict)
    rejected: dict[int, Sequence[FieldError]] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        """The members of the answer's JSON."""
        return {
            "accepted": len(self.accepted),
            "events": [{"index": index, "id": event_id} for index, event_id in sorted(self.accepted.items())],
            "rejected": [
                {"index": index, "errors": [{"field": one.field, "message": one.message} for one in mistakes]}
                for index, mistakes in sorted(self.rejected.items())
            ],
        }


class WebhooksRoutes:
    """Turns what a back end signed into events and stores them, all or as many as are right."""

    def __init__(
        self, settings: Settings, accept_all: AcceptAll, can_sign_up: Callable[[str], bool], clock: Clock
    ) -> None:
        self._settings = settings
        self._accept_all = accept_all
        self._can_sign_up = can_sign_up
        self._clock = clock

    def receive(self, request: Request) -> Response:
        """Store the events of a signed body. Who signed it is asked before anything in it is read."""
        sent = request.content()
        check_size(sent)
        now = self._clock()
        signed = self._signed(request.headers, sent, now)
        with bound(webhook=" ".join(webhook.name for webhook in signed.webhooks)):
            headers = request.headers
            posted = read_event_batch(headers.get("content-type"), headers.get("content-encoding"), sent)
            verdicts = self._verdicts(posted, signed, now)
            metrics.count("rejected", len(verdicts.rejected))
            logger.info(
                "events received", extra={"accepted": len(verdicts.accepted), "rejected": len(verdicts.rejected)}
            )
        if not verdicts.accepted:
            raise _refusal(posted, verdicts)
        body = json.dumps(verdicts.members(), ensure_ascii=False)
        return Response(202, body, {"content-type": "application/json"})

    def _signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed:
        try:
            return verify(self._settings.webhooks.values(), headers, body, now)
        except NotSigned as error:
            metrics.count("unsigned_requests")
            logger.warning("a request to /events is not signed: %s", error)
            raise HttpProblem(401, str(error), headers={"www-authenticate": 'Webhook realm="relais"'}) from None

    def _verdicts(self, posted: EventBatch, signed: Signed, now: datetime) -> Verdicts:
        """Judge every event, then have the right ones held; only then is anything promised."""
        verdicts = Verdicts()
        events: dict[int, Event] = {}
        for index, value in enumerate(posted.values):
            try:
                events[index] = event_of(value, index, signed, self._settings, now, self._can_sign_up)
            except InvalidEvent as error:
                verdicts.rejected[index] = _at_most(error.mistakes, _MISTAKES_AN_EVENT)
        held = self._accept_all(list(events.values())) if events else ()
        for (index, event), is_held in zip(events.items(), held, strict=True):
            if is_held:
                verdicts.accepted[index] = event.id
            else:
                verdicts.rejected[index] = [OTHER_CONTENT]
        return verdicts


def _refusal(posted: EventBatch, verdicts: Verdicts) -> Exception:
    """The failure when nothing was accepted: a single event's own, or one that names every event of the list."""
    members: Mapping[str, Any] = verdicts.members()
    if not posted.alone:
        named = [
            FieldError(f"events[{index}].{one.field}".rstrip("."), one.message)
            for index, mistakes in sorted(verdicts.rejected.items())
            for one in mistakes
        ]
        errors = _at_most(named, _MISTAKES_AN_ANSWER)
        return HttpProblem(422, "None of the events can be accepted.", errors=errors, members=members)
    if verdicts.rejected[0] == [OTHER_CONTENT]:
        return IdConflict("the id of a single event is already held with other content")
    return HttpProblem(422, "Some of the fields are wrong.", errors=verdicts.rejected[0], members=members)


def _at_most(mistakes: Sequence[FieldError], limit: int) -> Sequence[FieldError]:
    if len(mistakes) <= limit:
        return mistakes
    return [*mistakes[:limit], FieldError("", f"and {len(mistakes) - limit} more mistakes")]
