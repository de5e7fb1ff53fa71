"""The OpenAPI document is valid, describes every route and no other, and its examples are what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib.description.document import DESCRIBED, openapi
from tests.support.described import document, resolved, validator

ROOT = Path(__file__).parents[2]
METHODS = ("get", "head", "post", "options")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each."""
    for path, item in document()["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def pointer(*parts: str) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


@pytest.mark.seconds
def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_described_and_nothing_else() -> None:
    declared = {(method, route.path) for route in app.app.declared for method in route.methods if method != "HEAD"}
    assert set(DESCRIBED) == declared
    shown = {(method.upper(), path) for path, method, _ in operations()}
    heads = {("HEAD", path) for method, path in declared if method == "GET"}
    assert shown == declared | heads | {("OPTIONS", path) for _, path in declared}


def test_a_route_that_is_not_described_fails() -> None:
    route = app.app.declared[0]
    other = type(route)("/elsewhere", ("GET", "HEAD"), route.view)
    with pytest.raises(KeyError, match="elsewhere"):
        openapi((*app.app.declared, other), None)


def test_every_operation_has_a_summary_and_every_tag_is_explained() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    for path, method, operation in operations():
        assert operation["summary"], (method, path)
        assert set(operation["tags"]) <= tags


def references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "$ref":
                yield each
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_components_are_used_and_references_lead_somewhere() -> None:
    used = set(references(document()))
    for reference in used:
        resolved({"$ref": reference}, "")
    for kind in ("responses", "parameters", "headers", "schemas"):
        assert {name for name in document()["components"][kind] if f"#/components/{kind}/{name}" not in used} == set()


def test_gateway_answers_are_described() -> None:
    """Any operation with a body may get an answer that API Gateway itself makes."""
    answers = json.loads((ROOT / ".chalice" / "gateway-answers.json").read_text())
    statuses = {str(answer["status"]) for answer in answers.values()}
    described = set(document()["paths"]["/forms/{form}/signup"]["post"]["responses"])
    assert statuses - {"405"} <= described
    for status in ("413", "429", "503"):
        response, _ = resolved(document()["paths"]["/events"]["post"]["responses"][status], "")
        assert set(response["content"]) == {"application/problem+json", "application/json", "text/html"}


def test_it_depends_on_the_address_alone() -> None:
    """It names nothing of a configuration."""
    one, other = openapi(app.app.declared, "https://a.example.com"), openapi(app.app.declared, None)
    assert one["servers"] == [{"url": "https://a.example.com"}]
    assert one | {"servers": []} == other | {"servers": []}


def examples() -> Iterator[tuple[str, Any]]:
    """Each example with the pointer of its schema."""
    for path, method, operation in operations():
        bodies = {("requestBody",): operation.get("requestBody", {})}
        bodies |= {("responses", status): response for status, response in operation["responses"].items()}
        for place, body in bodies.items():
            yield from of_content(*resolved(body, pointer("paths", path, method, *place)))
    for name, item in document()["webhooks"].items():
        yield from of_content(item["post"]["requestBody"], pointer("webhooks", name, "post", "requestBody"))
    for name, schema in document()["components"]["schemas"].items():
        yield from ((pointer("components", "schemas", name), example) for example in schema.get("examples", ()))
    for name, parameter in document()["components"]["parameters"].items():
        if "example" in parameter:
            yield pointer("components", "parameters", name, "schema"), parameter["example"]


def of_content(body: Mapping[str, Any], at: str) -> Iterator[tuple[str, Any]]:
    for media_type, content in body.get("content", {}).items():
        given = [content["example"]] if "example" in content else []
        given += [one["value"] for one in content.get("examples", {}).values()]
        yield from ((at + pointer("content", media_type, "schema"), example) for example in given)


def test_examples_are_as_their_schemas_say() -> None:
    found = list(examples())
    assert len(found) > 100
    for at, example in found:
        assert [error.message for error in validator(at).iter_errors(example)] == [], (at, example)


@pytest.mark.parametrize("name", ["Accepted", "EventStatus", "Delivery", "Campaign", "FormDay", "Problem", "Challenge"])
def test_an_answer_with_a_member_that_is_not_described_is_noticed(name: str) -> None:
    schema = document()["components"]["schemas"][name]
    assert schema["additionalProperties"] is False
