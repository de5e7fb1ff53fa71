"""API Gateway's own answers, when a request does not reach the function or the function does not answer one.

The template may give each kind another status, headers and body (`x-amazon-apigateway-gateway-responses`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.http.proxy import HttpAnswer

# AWS's own statuses and words: "Gateway response types" in the API Gateway developer guide. `BAD_GATEWAY` stands for
# a proxy integration's malformed or failed answer, which has no type of its own and counts as DEFAULT_5XX.
_KINDS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "BAD_REQUEST": (400, "Bad Request"),
    "THROTTLED": (429, "Too Many Requests"),
    "BAD_GATEWAY": (502, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
}


def own_answer(kind: str, responses: Mapping[str, Any], request_id: str) -> HttpAnswer:
    """The answer of that kind, as the template's `responses` would have it."""
    status, words = _KINDS[kind]
    response = responses.get(kind) or responses.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX") or {}
    values = {"context.requestId": request_id, "context.error.message": words}
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
    for key, expression in response.get("responseParameters", {}).items():
        headers[key.removeprefix("gatewayresponse.header.")] = _value(expression, values)
    template = response.get("responseTemplates", {}).get("application/json")
    body = _filled(template, values) if template else json.dumps({"message": words})
    return HttpAnswer(int(response.get("statusCode", status)), tuple(headers.items()), body.encode())


def _value(expression: str, values: Mapping[str, str]) -> str:
    quoted = re.fullmatch("'(.*)'", expression)
    return quoted[1] if quoted else values.get(expression, "")


def _filled(template: str, values: Mapping[str, str]) -> str:
    template = template.replace("$context.error.messageString", json.dumps(values["context.error.message"]))
    return re.sub(r"\$(context\.\w+(?:\.\w+)?)", lambda found: values.get(found[1], ""), template)
