"""Routes of website forms: `POST /forms/{form}/signup` and `/unsubscribe`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ...clock import Clock
from ...config.model import Form, Settings
from ...domain.events import Event, EventType
from ...domain.ids import form_event_id
from ...domain.limits import quarantine_of
from ...domain.times import to_milliseconds
from ...ingestion.bodies import Submission, read_submission
from ...ingestion.parse_form import RequestInfo, signup_from_form, unsubscribe_from_form
from .. import cors, problems
from ..messages import Request, Response
from ..problems import HttpProblem

Accept = Callable[[Event], None]
"""Stores an event before it returns; raises `IdConflict` or `LedgerUnavailable`."""

CountUnsubscribe = Callable[[str, datetime], int]
"""Counts a form's unsubscribe; returns its ordinal within the hour. Raises `LedgerUnavailable`."""

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class FormsRoutes:
    """Parses a form submission into an event and stores it."""

    def __init__(
        self,
        settings: Settings,
        accept: Accept,
        count_unsubscribe: CountUnsubscribe,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._accept = accept
        self._count_unsubscribe = count_unsubscribe
        self._clock = clock
        self._new_id = new_id

    def sign_up(self, request: Request, name: str) -> Response:
        """Store a signup to the form's list."""
        form = self._form(request, name)
        event = signup_from_form(form, _submission(request), self._request_info(request, form, EventType.SIGNUP))
        return self._store(request, form, event)

    def unsubscribe(self, request: Request, name: str) -> Response:
        """Store an unsubscribe from every account; above the form's limit it is quarantined."""
        form = self._form(request, name)
        info = self._request_info(request, form, EventType.UNSUBSCRIBE)
        event = unsubscribe_from_form(form, _submission(request), info, tuple(self._settings.accounts))
        ordinal = self._count_unsubscribe(form.name, event.accepted_at)
        quarantine = quarantine_of(form.name, ordinal, form.unsubscribes_per_hour, event.accepted_at)
        return self._store(request, form, replace(event, quarantine=quarantine))

    def other_method(self, request: Request, name: str) -> Response:
        """Answer a preflight; reject every other method."""
        self._form(request, name)
        return cors.preflight() if request.method == "OPTIONS" else problems.other_method(request, cors.ALLOW)

    def _form(self, request: Request, name: str) -> Form:
        """Return the form, if it exists and the request's origin may use it.

        Sets the CORS headers first, so that the site can read errors too. Raises HttpProblem, 404 or 403.
        """
        form = self._settings.forms.get(name)
        request.answer_headers.update(cors.headers(form, request))
        if form is None:
            raise HttpProblem(404, "There is no such form.")
        cors.check_origin(form, request)
        return form

    def _request_info(self, request: Request, form: Form, verb: EventType) -> RequestInfo:
        key = _idempotency_key(request)
        return RequestInfo(
            id=self._new_id() if key is None else form_event_id(form.name, verb, key),
            at=to_milliseconds(self._clock()),
            ip=request.source_ip,
            page=request.headers.get("referer"),
        )

    def _store(self, request: Request, form: Form, event: Event) -> Response:
        """Store the event, then answer that it is accepted."""
        self._accept(event)
        if form.redirect is not None and request.wants_html:
            return Response(303, headers={"location": form.redirect})
        body = json.dumps({"id": event.id, "status": "accepted"})
        return Response(202, body, {"content-type": "application/json"})


def _submission(request: Request) -> Submission:
    headers = request.headers
    return read_submission(headers.get("content-type"), headers.get("content-encoding"), request.content())


def _idempotency_key(request: Request) -> str | None:
    """Read the `Idempotency-Key`, bare or as the quoted string of the IETF draft.

    Raises:
        HttpProblem: 400, as in the draft, for a key that is empty, too long or not plain ASCII.
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = given.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if _KEY.fullmatch(key) is None:
        raise HttpProblem(400, "The Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key
