"""API Gateway's events to requests and answers back, through Chalice.

A REST API chooses by path and method together, and hands what no resource declares to `/{proxy+}`. So that every answer
is Relais' own, every declared path has all methods, and `/` and `/{proxy+}` have them, too.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from urllib.parse import unquote_to_bytes

from chalice.app import Chalice, Request as ChaliceRequest, Response as ChaliceResponse, RouteEntry

from ..observability import observing
from . import problems
from .messages import Request, Response

View = Callable[..., Response]
"""Answers a `Request`, and the parameters of its path by name; may raise anything."""

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""API Gateway lets no other method through."""
# Bodies of these types come in base64, so that no byte of them is changed on the way.
_BINARY_TYPES = ("multipart/form-data", "application/octet-stream")
# Answers concern one person or one moment, so none is kept; what is sent is what it says it is.
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# The pages load nothing and stand in no frame.
_ON_PAGES = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "referrer-policy": "no-referrer"}


class _Routes(dict[str, dict[str, RouteEntry]]):
    """Routes by path. What only the API knows, in the middle of a deployment, is the fallback's."""

    def __missing__(self, path: str) -> dict[str, RouteEntry]:
        return self["/{proxy+}"]


class Gateway(Chalice):
    """A Chalice whose views take a `Request`, and whose failures are answered and logged as Relais does it."""

    def __init__(self, name: str) -> None:
        self._of_thread = threading.local()
        super().__init__(app_name=name, configure_logs=False)
        self.api.binary_types = list(_BINARY_TYPES)

    @property
    def current_request(self) -> Any:
        """The request that this thread is answering; Chalice's own would be another thread's."""
        return self._of_thread.request

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._of_thread.request = request

    def route(self, path: str, *, methods: Sequence[str] = ("GET",), **kwargs: Any) -> Callable[[View], View]:
        """Declare the view of a path's methods: GET brings HEAD, bodies may be of any type."""
        declared = sorted({*methods, "HEAD"} if "GET" in methods else set(methods))
        declare = super().route(path, methods=declared, content_types=["*/*"], **kwargs)

        def register(view: View) -> View:
            declare(self._answering(view))
            return view

        return register

    def other_methods(self, *paths: str) -> Callable[[View], View]:
        """Declare the view of all methods that some paths lack, once their routes are declared."""

        def register(view: View) -> View:
            for path in paths:
                self.route(path, methods=[method for method in METHODS if method not in self.routes[path]])(view)
            return view

        return register

    def complete(self) -> None:
        """Give every path all methods, once all are declared: OPTIONS names those that it had, the others are 405."""
        for path, methods in list(self.routes.items()):
            allow = ", ".join(sorted({*methods, "OPTIONS"}))
            self.other_methods(path)(lambda request, *, allow=allow, **_: problems.other_method(request, allow))
        self.routes = _Routes(self.routes)

    def _answering(self, view: View) -> Callable[..., ChaliceResponse]:
        """The view as Chalice calls it. No exception leaves it, for Chalice would log what we must not."""

        @wraps(view)
        def answer(**parameters: str) -> ChaliceResponse:
            current = self.current_request
            request = request_from(current)
            with observing("api_handler", request.id, current.lambda_context):
                try:
                    response = view(request, **_decoded(parameters))
                    if "\n" in "".join(response.headers.values()):
                        raise ValueError("a header's value has a line break")  # which Chalice refuses in its own words
                except Exception as error:  # whatever it was, the client gets an answer and the log a line
                    response = problems.answer(request, error)
                return _finished(request, response)

        return answer


def request_from(current: ChaliceRequest) -> Request:
    """The request in Chalice's, which is made of an event of API Gateway's (REST, payload 1.0)."""
    event = current.to_original_event()
    about = event["requestContext"]
    return Request(
        method=about["httpMethod"],
        headers=_headers(event),
        query={name: values[-1] for name, values in (event["multiValueQueryStringParameters"] or {}).items()},
        body=_body(event),
        source_ip=(about.get("identity") or {}).get("sourceIp"),
        id=about.get("requestId") or getattr(current.lambda_context, "aws_request_id", None) or str(uuid.uuid4()),
        unmatched_path=(event["pathParameters"] or {}).get("proxy", ""),
    )


def _decoded(parameters: Mapping[str, str]) -> dict[str, str]:
    """A path's parameters, decoded once: `%2F` makes no segment, `%2525` stays `%25`. Raises HttpProblem (404)."""
    try:
        return {name: unquote_to_bytes(value).decode("utf-8") for name, value in parameters.items()}
    except UnicodeError:
        raise problems.not_found() from None


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


def _finished(request: Request, response: Response) -> ChaliceResponse:
    """`response` with what every answer carries: the request's id, no caching, no guessing; to HEAD without a body."""
    headers: dict[str, Any] = {**_ALWAYS, **response.headers, **request.answer_headers, "x-request-id": request.id}
    if str(headers.get("content-type")).startswith("text/html"):
        headers = {**_ON_PAGES, **headers}
    return ChaliceResponse("" if request.method == "HEAD" else response.body, headers, response.status)
