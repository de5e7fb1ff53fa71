"""Routes of website forms: `POST /forms/{form}/signup` and `/unsubscribe`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ...config.model import Form
from ...domain.errors import InvalidEvent
from ...domain.events import Doubt, Event, EventType
from ...domain.excerpts import excerpt, readable
from ...domain.texts import safe_name
from ...domain.times import to_milliseconds
from ...ingestion.bodies import Submission, read_submission
from ...ingestion.form_proofs import STAMP, FormProofs
from ...ingestion.parse_form import RequestInfo, misnamed_fields, signup_from_form, unsubscribe_from_form
from ...ingestion.repeats import accept_from_form
from ...ledger.event_items import content_of
from ...ledger.used_proofs import use_solution
from ...observability import logger, metrics
from ...services import Services
from .. import problems
from ..accept import wants_html
from ..access import FORM_METHODS, NO_FORM, check_origin, preflight, shown_origin
from ..form_visit import FormVisit
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem

_NOT_POSTED = 'This address takes forms that are posted: give the form method="post".'
ACCEPTED = "accepted"
"""The status that a script is answered."""
_LONGEST_NAME = 63
KEY_CHARACTERS = r"[\x20-\x7e]{1,255}"
"""Characters of an `Idempotency-Key`."""
_KEY = re.compile(KEY_CHARACTERS)
_LONGEST_PLACE = 120
"""Characters of a field's name in a log line: names of nested fields are long."""


class FormsRoutes:
    """Parses a form submission into an event and accepts it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._proofs = FormProofs(services.settings.unsubscribe_keys, services.effects.random_bytes)
        self._reported: set[tuple[str, str]] = set()
        """Form and mapped field of each logged `form field ignored`, which an instance logs once."""

    def show(self, request: Request, name: str) -> Response:
        """Returns the hosted page of a form. Raises HttpProblem (404)."""
        settings = self._services.settings
        form = settings.forms.get(name)
        if form is None:
            raise HttpProblem(404, NO_FORM)
        from ..pages.hosted_form import hosted_page

        challenge: Mapping[str, Any] = {}
        now = self._services.effects.clock()
        if form.altcha:
            challenge = self._proofs.challenge(form.name, now)
        elif settings.unsubscribe_keys:
            challenge = {"timestamp": self._proofs.stamp(form.name, now)}
        return hosted_page(FormVisit(request, EventType.SIGNUP, form, settings.organisation), form, challenge)

    def answer(self, request: Request, name: str, event_type: EventType) -> Response:
        """Answers any method of a form's path: POST accepts a signup to the form's list, or an unsubscribe from all.

        A browser without a script is redirected, or gets a page, errors included.
        """
        settings = self._services.settings
        visit = FormVisit(request, event_type, settings.forms.get(name), settings.organisation)
        try:
            form = check_origin(settings, name, request)
            if request.method == "OPTIONS":
                return preflight(request)
            if request.method != "POST":
                raise HttpProblem(405, _NOT_POSTED, headers={"allow": FORM_METHODS})
            stated = request.headers.get("idempotency-key")
            key = None if stated is None else _bare_key(stated)
            submission = read_submission(request.headers, request.content(unaltered=True))
            submission = visit.submission = submission.with_places((form.email_field, form.trap, *form.fields))
            at = to_milliseconds(self._services.effects.clock())
            info = RequestInfo(at, request.source_ip, request.headers.get("referer"), visit.language)
            if event_type is EventType.SIGNUP:
                submitted = self._signup(form, submission, info, key)
                self._report_misnamed(form, submission)
            else:
                submitted = unsubscribe_from_form(form, submission, info, tuple(settings.accounts))
            event = accept_from_form(self._services, submitted, key)
            if not wants_html(request.headers):
                return json_response(202, {"id": event.id, "status": ACCEPTED})
            if visit.redirect is not None:
                return Response(303, headers={"location": visit.redirect})
            from ..pages.forms import accepted_page

            return accepted_page(visit)
        except Exception as error:  # as in the gateway, with what is known of the form
            if isinstance(error, InvalidEvent) and visit.form and visit.submission and event_type is EventType.SIGNUP:
                self._report_misnamed(visit.form, visit.submission)
            answer = problems.answer(request, error, partial(_failure_page, visit))
            self._report(request, name, answer.status, error)
            return answer

    def _signup(self, form: Form, submission: Submission, info: RequestInfo, key: str | None) -> Event:
        """Returns the signup of a submission, with its `doubt` if it may be a robot's.

        With an Idempotency-Key (`key`) a solution counts for the event of that key alone.
        """
        signup = signup_from_form(form, submission, info)
        if signup.refused is not None or not (form.altcha or STAMP in submission.texts):
            return signup
        proved = self._proofs.check(form, submission, info.at)
        if proved.doubt is None and proved.solution is not None:
            content = self._services.address_keys.digest(content_of(signup) + (key or "").encode())
            if not use_solution(self._services.table, proved.solution, content, info.at):
                return replace(signup, doubt=Doubt.NO_PROOF)
        return replace(signup, doubt=proved.doubt)

    def challenge(self, request: Request, name: str) -> Response:
        """Answers any method of a form's challenges: GET returns a new one, with a signed time.

        Raises:
            HttpProblem: 404 for an unknown form, and where no key signs; 403 for another site; 405.
        """
        form = check_origin(self._services.settings, name, request)
        if request.method == "OPTIONS":
            return preflight(request, "GET")
        if request.method not in ("GET", "HEAD"):
            raise HttpProblem(405, "This path does not know that method.", headers={"allow": "GET, HEAD, OPTIONS"})
        if not self._services.settings.unsubscribe_keys:
            raise HttpProblem(404, "Challenges are signed with the keys of [unsubscribe], and there are none.")
        return json_response(200, self._proofs.challenge(form.name, self._services.effects.clock()))

    def _report_misnamed(self, form: Form, submission: Submission) -> None:
        """Logs a field that was ignored although its name resembles a mapped one: its value would be lost unnoticed."""
        if not submission.nested and submission.texts.keys() <= {form.email_field, form.trap, *form.fields}:
            return
        for mapped, sent in misnamed_fields(form, submission).items():
            if (form.name, mapped) not in self._reported:
                self._reported.add((form.name, mapped))
                facts = {"form": form.name, "sent": safe_name(sent, _LONGEST_PLACE), "mapped": mapped}
                logger.warning("form field ignored", extra=facts)

    def _report(self, request: Request, name: str, status: int, error: Exception) -> None:
        """Logs and counts an answer of 4xx, with form and origin of the page. A refused origin has a line of its own.

        The name of a form that does not exist is whatever the client sent: it is cut, and no dimension of the metric.
        """
        if not 400 <= status < 500:
            return
        form = self._services.settings.forms.get(name)
        metrics.count("form_requests_refused", account=form.account if form is not None else None)
        if status == 403:
            return
        wrong = [one.field for one in error.field_errors] if isinstance(error, InvalidEvent) else []
        facts = {
            "form": excerpt(readable(name), _LONGEST_NAME),
            "origin": shown_origin(request.headers.get("origin")),
            "status": status,
        }
        logger.warning("form request refused", extra=facts | ({"wrong_fields": wrong} if wrong else {}))


def _bare_key(stated: str) -> str:
    """Returns the key of an `Idempotency-Key` header: bare, or the quoted string of the IETF draft.

    Raises:
        HttpProblem: 400, as in the draft, for a key that is empty, too long or not plain ASCII.
    """
    key = stated.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if _KEY.fullmatch(key) is None:
        raise HttpProblem(400, "The Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def _failure_page(visit: FormVisit, problem: HttpProblem) -> Response:
    from ..pages.forms import failure_page

    return failure_page(visit, problem)
