"""Holds exchanges against the OpenAPI document, for every test that makes some: an answer that it does not describe
fails, and so does a request that was accepted although it is outside of what the document says is accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

import app
from chalicelib.description.document import OTHER_METHODS, openapi
from chalicelib.domain import strict_json
from chalicelib.ingestion.bodies import JSON_TYPE
from local.http.gateway import Resources


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    body: str | bytes
    status: int
    answer_headers: Mapping[str, str]
    answer_body: str | bytes


PATHS = "urn:relais"
_ERRORS = {
    status: f"#/components/responses/{name}"
    for status, name in {404: "NotFound", 405: "MethodNotAllowed", 500: "InternalServerError"}.items()
}
"""The answers to what is no operation; and to what fails in a way that nobody foresaw."""
TRANSPORT = frozenset(
    {"connection", "content-length", "content-type", "date", "server", "transfer-encoding", "x-amzn-requestid"}
)
"""Headers that OpenAPI leaves out, or that belong to the connection."""
RENAMED = {"www-authenticate": "x-amzn-remapped-www-authenticate"}
"""What API Gateway renames, which is not there in a test of the function alone."""


@cache
def document() -> dict[str, Any]:
    """Return the document of the product's routes."""
    return openapi(app.app.declared, "https://relais.example.com")


@cache
def resources() -> Resources:
    """Finds the path of the document that a request's path is."""
    return Resources({path: frozenset({"X-AMAZON-APIGATEWAY-ANY-METHOD"}) for path in document()["paths"]})


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(PATHS, Resource.opaque(document()))


@cache
def validator(pointer: str) -> Draft202012Validator:
    """Validates against the schema at a JSON pointer of the document."""
    return Draft202012Validator(
        {"$ref": f"{PATHS}#{pointer}"}, registry=_registry(), format_checker=FormatChecker(["date", "date-time"])
    )


def resolved(value: Mapping[str, Any], pointer: str) -> tuple[Mapping[str, Any], str]:
    """Return a part of the document and its pointer; what it refers to, if it is a reference."""
    if "$ref" not in value:
        return value, pointer
    pointer = value["$ref"].removeprefix("#")
    found: Any = document()
    for part in pointer.strip("/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found, pointer


def mistakes(method: str, path: str, status: int, headers: Mapping[str, str], body: str | bytes) -> list[str]:
    """Return what the document does not say of an answer."""
    found = resources().find("GET", path.partition("?")[0]) or _link(path)
    where = f"{method} {found[0] if found else 'another path'} {status}"
    described, pointer = _described(found and found[0], method, status)
    if described is None:
        return [f"{where} is not described"]
    response, pointer = resolved(described, pointer)
    given = {RENAMED.get(name.lower(), name.lower()): value for name, value in headers.items()}
    unknown = given.keys() - response["headers"].keys() - TRANSPORT if status != 500 else ()
    wrong = [f"{where}: header {name} is not described" for name in sorted(unknown)]
    for name, reference in response["headers"].items():
        header, at = resolved(reference, "")
        if name in given:
            wrong += [f"{where}: {name}: {one.message}" for one in validator(f"{at}/schema").iter_errors(given[name])]
        elif header.get("required"):
            wrong.append(f"{where}: header {name} is missing")
    return wrong + _content_mistakes(where, response, pointer, given.get("content-type", ""), body)


def _link(path: str) -> tuple[str, dict[str, str]] | None:
    """Return the path of a mail's link to which a mail program appended something with a slash, and its parameter."""
    link = re.fullmatch("(/(?:unsubscribe|confirm))/(.+)", path)
    return (f"{link[1]}/{{token}}", {"token": link[2]}) if link else None


def _described(template: str | None, method: str, status: int) -> tuple[Mapping[str, Any] | None, str]:
    """Return the response object of an answer, or a reference to it, and its pointer; None: there is none.

    What is no operation has its answer, too: another path, and another method of a path, which fails as OPTIONS does.
    """
    if template is None:
        return ({"$ref": _ERRORS[status]}, "") if status in _ERRORS else (None, "")
    item = document()["paths"][template]
    known = method.lower() if method.isupper() and method.lower() in item else ""
    if not known and status == 405:
        return item[OTHER_METHODS], ""
    if not known and status < 400:
        return None, ""
    responses = item[known or "options"]["responses"]
    at = f"/paths/{template.replace('/', '~1')}/{known}/responses/{status}"
    return responses.get(str(status), {"$ref": _ERRORS[500]} if status == 500 else None), at


def _content_mistakes(
    where: str, response: Mapping[str, Any], pointer: str, stated: str, body: str | bytes
) -> list[str]:
    if not body:
        return []
    media_type = stated.partition(";")[0].strip()
    if media_type not in response.get("content", {}):
        return [f"{where}: content type {media_type!r} is not described"]
    if "json" not in media_type:
        return []
    at = f"{pointer}/content/{media_type.replace('/', '~1')}/schema"
    value = json.loads(body)
    errors = validator(at).iter_errors(value)
    if "problem" in media_type and value.get("status") != int(where.rpartition(" ")[2]):
        return [f"{where}: the problem's status is {value.get('status')}"]
    return [f"{where}: {'/'.join(map(str, one.absolute_path))}: {one.message}" for one in errors]


def outside(method: str, path: str, headers: Mapping[str, str], body: str | bytes) -> list[str]:
    """Return what of a request is outside of what the document says is accepted."""
    path, _, query = path.partition("?")
    found = resources().find("GET", path)
    operation = document()["paths"][found[0]].get(method.lower()) if found and method.isupper() else None
    if found is None or operation is None:
        return []
    stated = {name.lower(): value for name, value in headers.items()}
    given = {"path": {name: unquote(value) for name, value in found[1].items()}, "header": stated}
    given["query"] = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    item = document()["paths"][found[0]]
    wrong: list[str] = []
    for reference in [*item.get("parameters", ()), *operation.get("parameters", ())]:
        parameter, at = resolved(reference, "")
        text = given[parameter["in"]].get(parameter["name"])
        if text is None:
            continue
        value = int(text) if '"integer"' in json.dumps(parameter) and text.isdecimal() else text
        wrong += [f"{parameter['name']}: {one.message}" for one in validator(f"{at}/schema").iter_errors(value)]
    media_type = stated.get("content-type", "").partition(";")[0].strip().lower()
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content and body and (JSON_TYPE.fullmatch(media_type) or found[0] == "/events"):
        value = strict_json.load(body)
        errors = validator(content["schema"]["$ref"].removeprefix("#")).iter_errors(value)
        wrong += [f"body: {one.json_path}: {one.message}" for one in errors]
    return wrong


def require_described(exchange: Exchange) -> None:
    """Fail for an answer that the document does not describe, and for a request outside of it that was accepted."""
    wrong = mistakes(exchange.method, exchange.path, exchange.status, exchange.answer_headers, exchange.answer_body)
    assert not wrong, "the OpenAPI document (chalicelib/description) does not describe this answer: " + "; ".join(wrong)
    if exchange.status < 400:
        wrong = outside(exchange.method, exchange.path, exchange.headers, exchange.body)
        assert not wrong, "by the OpenAPI document this request is refused, but it was accepted: " + "; ".join(wrong)
