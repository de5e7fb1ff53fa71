"""API Gateway's events to requests and answers back, through Chalice.

Chalice is here for its packaging and its place in Lambda; it routes everything to one view, so that 404, 405, 415 and
the rest are Relais' own on every path, deployed as well as on one machine.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from chalice.app import Chalice, Response as ChaliceResponse

from ..observability import observing
from . import problems
from .api import finished
from .messages import Request, Response
from .problems import HttpProblem

Handle = Callable[[Request], Response]

# API Gateway lets no other method through.
METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
# Bodies of these types come in base64, so that no byte of them is changed on the way.
BINARY_TYPES = ["multipart/form-data", "application/octet-stream"]

# Chalice keeps the request on the app, where two threads of a local server would find each other's.
_request: ContextVar[Request] = ContextVar("request")


class Gateway(Chalice):
    """A Chalice whose every answer is Relais' own, also where Chalice fails before or after the view."""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer, in API Gateway's form, to one of its events (REST, payload 1.0). It never raises."""
        request = Request("GET", "/", id=str(uuid.uuid4()))
        try:
            request = _from_event(event, context)
            with observing("api_handler", request.id, context):
                answer = self._through_chalice(request, event, context)
        except Exception as error:  # the outermost edge: what is raised here reaches the client as a bare 502
            answer = self._rendered(finished(request, problems.answer(request, error)))
        return answer

    def _through_chalice(self, request: Request, event: Any, context: Any) -> dict[str, Any]:
        """What the view answers, or what Chalice does by itself, said as all else is."""
        if event["requestContext"]["resourcePath"] not in self.routes:
            return self._problem(request, HttpProblem(404, "There is nothing at this path."))
        _request.set(request)
        answer: dict[str, Any] = super().__call__(event, context)
        if "x-request-id" in answer["headers"]:
            return answer
        if answer["statusCode"] == 405:
            allow = {"allow": ", ".join(METHODS)}
            return self._problem(request, HttpProblem(405, "That method is not known here.", headers=allow))
        return self._problem(request, HttpProblem(answer["statusCode"], "The request could not be handled."))

    def _problem(self, request: Request, problem: HttpProblem) -> dict[str, Any]:
        return self._rendered(finished(request, problems.answer(request, problem)))

    def _rendered(self, response: Response) -> dict[str, Any]:
        rendered: dict[str, Any] = _to_chalice(response).to_dict(self.api.binary_types)
        return rendered


def create_app(handle: Handle, name: str = "relais") -> Gateway:
    """The Chalice app that hands every request to `handle`, which is first called when the first request comes.

    `handle` may raise `ConfigurationError`, or anything: the client gets a 500 and the log the reason.
    """
    app = Gateway(app_name=name, configure_logs=False)
    app.api.binary_types = list(BINARY_TYPES)

    def view() -> ChaliceResponse:
        request = _request.get()
        try:
            return _to_chalice(handle(request))
        except Exception as error:  # Chalice would answer in its own words and log what we must not
            return _to_chalice(finished(request, problems.answer(request, error)))

    for path in ("/", "/{proxy+}"):
        app.route(path, methods=list(METHODS), content_types=["*/*"])(view)
    return app


def _from_event(event: Mapping[str, Any], context: Any) -> Request:
    about = event["requestContext"]
    body = _body(event)
    return Request(
        method=about["httpMethod"],
        path=_path(event),
        headers=_headers(event),
        query={name: values[-1] for name, values in (event.get("multiValueQueryStringParameters") or {}).items()},
        body=body or b"",
        undecodable=body is None,
        source_ip=(about.get("identity") or {}).get("sourceIp"),
        id=about.get("requestId") or getattr(context, "aws_request_id", None) or str(uuid.uuid4()),
    )


def _path(event: Mapping[str, Any]) -> str:
    """The path as sent, still percent-encoded, without the stage or a custom domain's base path."""
    rest = (event.get("pathParameters") or {}).get("proxy")
    return str(event.get("path") or "/") if rest is None else f"/{rest}"


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Headers by lower-case name; one sent several times is joined by commas, so that no copy of it stays unseen."""
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    found: dict[str, str] = {}
    for name, values in several.items():
        lower = name.lower()
        found[lower] = ", ".join([*([found[lower]] if lower in found else []), *map(str, values)])
    return found


def _body(event: Mapping[str, Any]) -> bytes | None:
    """The body's bytes, None when they cannot be had.

    Python's decoder skips what is no base64 unless told not to, down to an empty body.
    """
    body = event.get("body")
    if body is None:
        return b""
    try:
        if event.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return body if isinstance(body, bytes) else str(body).encode("utf-8")
    except ValueError:
        return None


def _to_chalice(response: Response) -> ChaliceResponse:
    return ChaliceResponse(response.body, dict(response.headers), response.status)
