"""Translates between HTTP and Lambda: a REST API's proxy event, and the answer to it.

Shapes: "Set up Lambda proxy integrations in API Gateway" in the API Gateway developer guide.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from local.template_reader import ACCOUNT_ID, Api

_API_ID = "local"
_UNKNOWN_IDENTITY = (
    *("cognitoIdentityPoolId", "cognitoIdentityId", "cognitoAuthenticationType", "cognitoAuthenticationProvider"),
    *("principalOrgId", "userArn", "caller", "accessKey", "accountId", "user"),
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A received request. `target` is path and query, still encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str

    @property
    def path(self) -> str:
        """The path alone, still encoded."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """Returns the last value of a header, or an empty text."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer to send, without its Content-Length."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(default=())
    body: bytes = b""


_HEADER_VALUE = re.compile("[\t\x20-\x7e\x80-\xff]*")


class Malformed(Exception):
    """The function's answer is not valid for a proxy integration."""


def event(
    request: HttpRequest, resource: str, parameters: Mapping[str, str], api: Api, request_id: str, now: datetime
) -> dict[str, Any]:
    """Returns the proxy event of `request`, matched by `resource` with these path parameters, still encoded."""
    headers = _gateway_headers(request)
    query = _grouped(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
    body, is_base64 = _body(request, api)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": _context(request, resource, api, request_id, now),
        "body": body,
        "isBase64Encoded": is_base64,
    }


def answer(result: Any) -> HttpAnswer:
    """Translates a function's result into HTTP. Raises Malformed, which API Gateway answers with 502."""
    if not isinstance(result, Mapping) or not _is_status(result.get("statusCode")):
        raise Malformed("the answer has no statusCode")
    headers = [(name, _text(value)) for name, value in (result.get("headers") or {}).items()]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers = [header for header in headers if header[0].lower() != name.lower()]
        headers += [(name, _text(value)) for value in values]
    # A REST API renames this header, so HTTP Basic does not work behind one.
    renamed = [("x-amzn-Remapped-WWW-Authenticate" if n.lower() == "www-authenticate" else n, v) for n, v in headers]
    return HttpAnswer(int(result["statusCode"]), tuple(renamed), _answered_body(result))


def _gateway_headers(request: HttpRequest) -> dict[str, list[str]]:
    """Returns the client's headers with those that the gateway adds."""
    hop_by_hop = ("connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade")
    headers = _grouped((n, v) for n, v in request.headers if n.lower() not in hop_by_hop)
    forwarded = [v for name in list(headers) if name.lower() == "x-forwarded-for" for v in headers.pop(name)]
    host = request.header("host")
    port = host.rpartition(":")[2]
    port = port if port.isascii() and port.isdigit() else "80"
    return {
        **headers,
        "X-Forwarded-For": [", ".join([*forwarded, request.source_ip])],
        "X-Forwarded-Port": [port],
        "X-Forwarded-Proto": ["http"],
    }


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _body(request: HttpRequest, api: Api) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if media_type in api.binary_types or "*/*" in api.binary_types:
        return base64.b64encode(request.body).decode("ascii"), True
    return request.body.decode("utf-8", "replace"), False


def _context(request: HttpRequest, resource: str, api: Api, request_id: str, now: datetime) -> dict[str, Any]:
    at = now.astimezone(UTC)
    return {
        "resourceId": "local",
        "resourcePath": resource,
        "httpMethod": request.method,
        "extendedRequestId": uuid.uuid4().hex[:15] + "=",
        "requestTime": f"{at:%d/%b/%Y:%H:%M:%S +0000}",
        "path": request.path,  # as with a custom domain: the stage is in no address
        "accountId": ACCOUNT_ID,
        "protocol": "HTTP/1.1",
        "stage": api.stage,
        "domainPrefix": _API_ID,
        "requestTimeEpoch": int(at.timestamp() * 1000),
        "requestId": request_id,
        "identity": {
            **dict.fromkeys(_UNKNOWN_IDENTITY),
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or None,
        },
        "domainName": request.header("host") or "localhost",
        "deploymentId": "local",
        "apiId": _API_ID,
    }


def _is_status(status: Any) -> bool:
    return isinstance(status, (int, str)) and re.fullmatch("[2-5][0-9][0-9]", str(status)) is not None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise Malformed("a header's value is not a text")
    text = str(value)
    if not _HEADER_VALUE.fullmatch(text):
        raise Malformed("a header's value has a line break or a character that HTTP has none for")
    return text.strip()


def _answered_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed("the answer's body is not a string")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise Malformed("the answer's body is not base64") from error
