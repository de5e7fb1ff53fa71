"""Requests to the routes of `app.py` without a server: events in API Gateway's shape, over the container of a test."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode

import app
from chalicelib.web.gateway import METHODS, Gateway
from local.http.gateway import Resources

REQUEST_ID = "gateway-request-1"
API_DOMAIN = "abcdefghij.execute-api.eu-west-3.amazonaws.com"


@dataclass(frozen=True)
class Answer:
    """The answer of the HTTP function."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def routes_over(container: Any) -> Gateway:
    """Return the product's routes, and have them ask `container` from now on."""
    app.container = lambda: container
    return app.app


def request(
    container: Any, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None
) -> Answer:
    """Return what `container` answers to a request; safe for several threads over one container."""
    return ask(routes_over(container), gateway_event(method, path, headers, body))


def ask(gateway: Gateway, event: Any) -> Answer:
    """Return the answer to an event, checked for what Lambda asks of one, and against the OpenAPI document."""
    answer = gateway(event, SimpleNamespace(aws_request_id="lambda-request-1"))
    assert json.loads(json.dumps(answer)) == answer, "Lambda can only return JSON"
    assert all(isinstance(value, str) for value in answer["headers"].values())
    given = Answer(answer["statusCode"], answer["headers"], answer["body"])
    if gateway is app.app:
        _require_described(event, given)
    return given


def _require_described(event: Any, answer: Answer) -> None:
    from tests.support.described import Exchange, require_described

    query = urlencode(event["multiValueQueryStringParameters"] or {}, doseq=True)
    path = event["resource"]  # the address may have a base path before
    for name, value in (event["pathParameters"] or {}).items():
        path = path.replace("{proxy+}" if name == "proxy" else f"{{{name}}}", value)
    path = f"{path}?{query}" if query else path
    sent = event["body"] or ""
    body = b64decode(sent) if event["isBase64Encoded"] and answer.status < 400 else sent
    headers = event["headers"] or {}
    require_described(Exchange(event["httpMethod"], path, headers, body, answer.status, answer.headers, answer.body))


def gateway_event(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    *,
    base64: bool = False,
    gateway: Gateway = app.app,
) -> dict[str, Any]:
    """Return a proxy event of a REST API (payload 1.0) with all its members, for the resources of `gateway`."""
    given = dict(headers or {})
    path, _, query = path.partition("?")
    several = parse_qs(query, keep_blank_values=True)
    # The gateway passes no other method on; here one meets its path's resource, to test what the function would answer.
    unknown = {method} - {*METHODS}
    resources = Resources({path: frozenset({*methods, *unknown}) for path, methods in gateway.routes.items()})
    resource, parameters = resources.find(method, path) or ("/{proxy+}", {"proxy": path.removeprefix("/")})
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": given or None,
        "multiValueHeaders": {name: [value] for name, value in given.items()} or None,
        "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "placeholder",
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "stage": "api",
            "requestId": REQUEST_ID,
            "identity": {"sourceIp": "203.0.113.9", "userAgent": "test"},
            "domainName": given.get("Host", API_DOMAIN),
        },
        "body": body,
        "isBase64Encoded": base64,
    }
