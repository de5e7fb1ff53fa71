"""API Gateway: finds the resource of a request, invokes the function with a proxy event, translates its answer.

A path without the request's method falls through to a less specific resource, down to `/{proxy+}`. Requests that do not
reach the function, or get no answer from it, are answered by gateway responses, for which the template may define
status, headers and bodies by content type (`x-amazon-apigateway-gateway-responses`). Of these a page is taken if the
product would take one, else the first that the request's `Accept` names, else the first.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from chalicelib.web.accept import HTML, wants_html
from local.http import proxy
from local.http.proxy import HttpAnswer, HttpRequest
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.template_reader import Api, Throttle

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_EVENT_BYTES = 6 * 1024 * 1024
_TIMEOUT_SECONDS = 29.0
_ANY_METHOD = "X-AMAZON-APIGATEWAY-ANY-METHOD"
# AWS's own statuses and messages: "Gateway response types" in the API Gateway developer guide. `BAD_GATEWAY` stands for
# a proxy integration's malformed or failed answer, which has no type of its own and counts as DEFAULT_5XX.
_KINDS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "BAD_REQUEST": (400, "Bad Request"),
    "THROTTLED": (429, "Too Many Requests"),
    "BAD_GATEWAY": (502, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
}


class Resources:
    """The resources of an API, by the methods of each path (`Api.methods`)."""

    def __init__(self, methods: Mapping[str, frozenset[str]]) -> None:
        patterns = sorted((path.split("/") for path in methods), key=lambda pattern: [*map(_vagueness, pattern)])
        self._resources = [(pattern, "/".join(pattern), methods["/".join(pattern)]) for pattern in patterns]

    def find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Returns the resource of a percent-encoded path and its parameters, still encoded; None when there is none."""
        segments = path.split("/")
        for pattern, resource, methods in self._resources:
            parameters = _parameters(pattern, segments)
            if parameters is not None and not methods.isdisjoint({method, _ANY_METHOD}):
                return resource, parameters
        return None


class Throttles:
    """Token buckets as API Gateway has them, one for each throttled method of a path."""

    def __init__(self, throttles: Mapping[tuple[str, str], Throttle]) -> None:
        self._throttles = throttles
        self._buckets: dict[tuple[str, str], tuple[float, datetime]] = {}
        self._lock = threading.Lock()

    def admit(self, method: str, resource: str, now: datetime) -> bool:
        """Takes a token for a request at `now`; False if there is none."""
        route = method, resource
        throttle = self._throttles.get(route)
        if throttle is None:
            return True
        with self._lock:
            tokens, since = self._buckets.get(route, (float(throttle.burst), now))
            passed = max(0.0, (now - since).total_seconds())
            tokens = min(float(throttle.burst), tokens + passed * throttle.rate)
            admitted = tokens >= 1
            self._buckets[route] = tokens - admitted, max(now, since)
        return admitted


class Gateway:
    """A REST API of one function. `invoke` takes an event and the maximum wait for an execution environment.

    It throttles only if `throttled`: tests and people who try something send more at once than a deployment takes.
    """

    def __init__(
        self,
        api: Api,
        invoke: Callable[[Any, float], Any],
        clock: Callable[[], datetime],
        *,
        throttled: bool = False,
    ) -> None:
        self._api = api
        self._throttles = Throttles(api.throttles if throttled else {})
        self._resources = Resources(api.methods)
        self._invoke = invoke
        self._clock = clock

    def refuse(self, kind: str, accept: str = "") -> HttpAnswer:
        """Returns the gateway response to what is no request, or to one that is not read to its end."""
        return gateway_response(kind, self._api.gateway_responses, str(uuid.uuid4()), accept)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answers `request`; never raises for anything that a client can send."""
        request_id, accept = str(uuid.uuid4()), request.header("accept")
        found = self._resources.find(request.method, request.path)
        if found is None:
            return gateway_response("MISSING_AUTHENTICATION_TOKEN", self._api.gateway_responses, request_id, accept)
        if not self._throttles.admit(request.method, found[0], self._clock()):
            return gateway_response("THROTTLED", self._api.gateway_responses, request_id, accept)
        event = proxy.event(request, *found, self._api, request_id, self._clock())
        if len(request.body) > _MAX_EVENT_BYTES // 2 and len(json.dumps(event)) > _MAX_EVENT_BYTES:
            return gateway_response("REQUEST_TOO_LARGE", self._api.gateway_responses, request_id, accept)
        started = time.monotonic()
        try:
            result = self._invoke(event, _TIMEOUT_SECONDS)
            answer = proxy.answer(result)
        except (FunctionFailed, NoEnvironment, proxy.Malformed) as failure:
            # The function logs the cause; a path may contain a token and a message an address.
            _log.error("%s request not answered by the function: %s", request.method, type(failure).__name__)
            late = time.monotonic() - started >= _TIMEOUT_SECONDS
            kind = "INTEGRATION_TIMEOUT" if late else "BAD_GATEWAY"
            return gateway_response(kind, self._api.gateway_responses, request_id, accept)
        return HttpAnswer(answer.status, (*answer.headers, ("x-amzn-RequestId", request_id)), answer.body)


def _vagueness(place: str) -> int:
    return 2 if place.endswith("+}") else 1 if place.startswith("{") else 0


def _parameters(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """Returns the parameters when the segments match the pattern. None is ever empty; the last may be greedy."""
    if pattern[-1].endswith("+}") and len(segments) > len(pattern):
        segments = [*segments[: len(pattern) - 1], "/".join(segments[len(pattern) - 1 :])]
    if len(pattern) != len(segments):
        return None
    found = {}
    for place, segment in zip(pattern, segments, strict=True):
        if place.startswith("{") and segment:
            found[place.strip("{+}")] = segment
        elif place != unquote(segment):
            return None
    return found


def gateway_response(kind: str, responses: Mapping[str, Any], request_id: str, accept: str = "") -> HttpAnswer:
    """Returns the gateway response of that kind, as the template's `responses` define it, in the accepted type."""
    status, message = _KINDS[kind]
    response = responses.get(kind) or responses.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX") or {}
    values = {"context.requestId": request_id, "context.error.message": message}
    templates: Mapping[str, str] = response.get("responseTemplates") or {"application/json": ""}
    others = (media_type for media_type in templates if media_type != HTML and media_type in accept)
    wanted = HTML if wants_html({"accept": accept}) else next(others, None)
    content_type = wanted if wanted is not None and wanted in templates else next(iter(templates))
    headers = {"Content-Type": content_type, "x-amzn-RequestId": request_id}
    for key, expression in response.get("responseParameters", {}).items():
        headers[key.removeprefix("gatewayresponse.header.")] = _value(expression, values)
    template = templates[content_type]
    body = _filled(template, values) if template else json.dumps({"message": message})
    return HttpAnswer(int(response.get("statusCode", status)), tuple(headers.items()), body.encode())


def _value(expression: str, values: Mapping[str, str]) -> str:
    quoted = re.fullmatch("'(.*)'", expression)
    return quoted[1] if quoted else values.get(expression, "")


def _filled(template: str, values: Mapping[str, str]) -> str:
    template = template.replace("$context.error.messageString", json.dumps(values["context.error.message"]))
    return re.sub(r"\$(context\.\w+(?:\.\w+)?)", lambda found: values.get(found[1], ""), template)
