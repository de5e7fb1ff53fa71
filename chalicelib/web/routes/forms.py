"""Routes of website forms: `POST /forms/{form}/signup` and `/unsubscribe`."""

from __future__ import annotations

import re
from dataclasses import replace

from ...config.model import Form
from ...domain.events import Event
from ...domain.ids import form_event_id, new_event_id
from ...domain.times import to_milliseconds
from ...ingestion.accept import accept
from ...ingestion.bodies import Submission, read_submission
from ...ingestion.parse_form import RequestInfo, signup_from_form, unsubscribe_from_form
from ...ingestion.repeats import accept_form_signup
from ...ledger.event_items import content_of
from ...services import Services
from .. import problems
from ..access import FORM_METHODS, check_origin, preflight
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class FormsRoutes:
    """Parses a form submission into an event and accepts it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def sign_up(self, request: Request, name: str) -> Response:
        """Accept a signup to the form's list."""
        form, submission, info, key = self._read(request, name)
        event = signup_from_form(form, submission, info)
        if key is None:
            return _answer(request, form, accept_form_signup(self._services, event))
        return self._accept(request, form, event, key)

    def unsubscribe(self, request: Request, name: str) -> Response:
        """Accept an unsubscribe from every account."""
        form, submission, info, key = self._read(request, name)
        event = unsubscribe_from_form(form, submission, info, tuple(self._services.settings.accounts))
        return self._accept(request, form, event, key)

    def other_method(self, request: Request, name: str) -> Response:
        """Answer a preflight; reject every other method."""
        check_origin(self._services.settings, name, request)
        return preflight(request) if request.method == "OPTIONS" else problems.other_method(request, FORM_METHODS)

    def _read(self, request: Request, name: str) -> tuple[Form, Submission, RequestInfo, str | None]:
        """Check the origin and read the body, and the `Idempotency-Key` if there is one.

        The key is bare, or the quoted string of the IETF draft.

        Raises:
            HttpProblem: As `check_origin`; 400, as in the draft, for a key that is empty, too long or not plain ASCII.
            BodyError: As `read_submission`.
        """
        form = check_origin(self._services.settings, name, request)
        key = request.headers.get("idempotency-key")
        if key is not None:
            key = key.strip()
            if len(key) >= 2 and key[0] == key[-1] == '"':
                key = key[1:-1]
            if _KEY.fullmatch(key) is None:
                raise HttpProblem(400, "The Idempotency-Key must be 1 to 255 printable ASCII characters.")
        now = self._services.effects.clock()
        info = RequestInfo(
            id=new_event_id(now, self._services.effects.random_bytes),
            at=to_milliseconds(now),
            ip=request.source_ip,
            page=request.headers.get("referer"),
        )
        return form, read_submission(request.headers, request.content(unaltered=True)), info, key

    def _accept(self, request: Request, form: Form, event: Event, key: str | None) -> Response:
        if key is not None:
            event = replace(event, id=self._keyed_id(form, event, key))
        accept(self._services, event)
        return _answer(request, form, event)

    def _keyed_id(self, form: Form, event: Event, key: str) -> str:
        """Return the id of a submission with an `Idempotency-Key`; one refused as trap or spam has another."""
        content = content_of(event) + (event.refused or "").encode()
        return form_event_id(form.name, event.type, key, self._services.address_keys.digest(content, lasting=True))


def _answer(request: Request, form: Form, event: Event) -> Response:
    """Answer an accepted event; a browser without a script is redirected to the form's page."""
    if form.redirect is not None and request.wants_html:
        return Response(303, headers={"location": form.redirect})
    return json_response(202, {"id": event.id, "status": "accepted"})
