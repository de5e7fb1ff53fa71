"""Renders errors as RFC 9457 `application/problem+json`, or as a page for browsers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from ..domain.errors import (
    ConfigurationError,
    FieldError,
    IdConflict,
    InvalidEvent,
    LedgerUnavailable,
    RelaisError,
    SecretUnavailable,
    StatsUnavailable,
)
from ..ingestion.bodies import BodyError
from ..observability import logger, metrics
from .accept import wants_html
from .http_messages import Request, Response

RETRY_AFTER_SECONDS = 5
MEDIA_TYPE = "application/problem+json"
NO_TYPE = "about:blank"
"""The type of every problem (RFC 9457 §4.2.1): the status says what it is, `detail` and `errors` the rest."""
# RFC 9110's phrases, where supported Python versions still have older ones.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}


class HttpProblem(RelaisError):
    """An error answer. `detail` is for the client and quotes nothing that it sent.

    `members` are extension members of the problem's JSON (RFC 9457 §3.2).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        super().__init__(detail)


class SeeOther(RelaisError):
    """Raised to redirect the browser (303) to `location`, the address of the page that has the answer."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__("see another page")


def not_found() -> HttpProblem:
    """Returns 404, for an unknown path."""
    return HttpProblem(404, "There is nothing at this path.")


def other_method(request: Request, allow: str) -> Response:
    """Answers an undeclared method of a path; `allow` lists the declared ones. Raises HttpProblem, 405."""
    if request.method == "OPTIONS":
        return Response(204, headers={"allow": allow})
    raise HttpProblem(405, "This path does not know that method.", headers={"allow": allow})


def answer(request: Request, error: Exception, page: Callable[[HttpProblem], Response]) -> Response:
    """Returns the answer to a request that ended in `error`: JSON, or `page` of it when the client prefers HTML.

    Errors of the server are logged, for operators, without the path: some paths contain a token. An unexpected error is
    not disclosed.
    """
    if isinstance(error, SeeOther):
        return Response(303, headers={"location": error.location})
    problem = _problem(error)
    if problem.status >= 500:
        metrics.count("failures")
        facts = {"status": problem.status, "request_id": request.id, "error": type(error).__name__}
        if isinstance(error, LedgerUnavailable | StatsUnavailable | SecretUnavailable | ConfigurationError):
            logger.error("request failed: %s", error, extra=facts)
        else:
            logger.error("request failed", extra=facts, exc_info=error)
    if wants_html(request.headers):
        try:
            return page(problem)
        except Exception as failure:  # an error in a page must not hide the error that it is about
            logger.error("page failed", extra={"request_id": request.id}, exc_info=failure)
    body = json.dumps(_members(title_of(problem.status), problem), ensure_ascii=False)
    return Response(problem.status, body, {"content-type": MEDIA_TYPE, **problem.headers})


def title_of(status: int) -> str:
    """Returns the title of a problem: the phrase of its status (RFC 9110)."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def _problem(error: Exception) -> HttpProblem:
    """Maps each error of the taxonomy to HTTP."""
    if isinstance(error, HttpProblem):
        return error
    if isinstance(error, BodyError):
        return HttpProblem(error.status, error.detail)
    if isinstance(error, InvalidEvent):
        return HttpProblem(422, "Some of the fields are wrong.", errors=error.field_errors)
    if isinstance(error, IdConflict):
        return HttpProblem(409, "This id was used before, with other content; ids are shared by all senders.")
    if isinstance(error, LedgerUnavailable | StatsUnavailable | SecretUnavailable):
        return HttpProblem(
            503,
            "Nothing could be stored or read just now. Repeating the request later is safe.",
            headers={"retry-after": str(RETRY_AFTER_SECONDS)},
        )
    return HttpProblem(500, "Something went wrong here; it has been logged under this answer's request id.")


def _members(title: str, problem: HttpProblem) -> dict[str, Any]:
    """Returns the problem's JSON members (RFC 9457 §3.1; `about:blank`: the title is the status phrase)."""
    members: dict[str, Any] = {
        "type": NO_TYPE,
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        members["errors"] = [{"field": error.field, "message": error.message} for error in problem.errors]
    return {**problem.members, **members}
