"""`GET /docs`: the document as a page for people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.description.page import docs_page
from chalicelib.description.schema_html import kind, marked, members
from tests.support.described import document
from tests.web.surroundings import World, ask, gateway_event, make_app, make_settings


def test_it_shows_every_operation_schema_and_webhook_and_its_links_lead_somewhere() -> None:
    page, shown = docs_page(document(), {}).body, document()
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    operations = [item[method] for item in shown["paths"].values() for method in ("get", "post") if method in item]
    operations += [item["post"] for item in shown["webhooks"].values()]
    assert {one["operationId"] for one in operations} <= set(ids)
    assert {f"schema-{name}" for name in shown["components"]["schemas"]} <= set(ids)
    assert {f"header-{name}" for name in shown["components"]["headers"]} <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    for schema in shown["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert f"<code>{name}</code>" in page
    assert len(page) < 200_000


def test_it_loads_nothing_and_a_browser_that_has_it_gets_304() -> None:
    app = make_app(World(), make_settings())
    found = ask(app, gateway_event("GET", "/docs", {"Host": "relais.example.org"}))
    assert (found.status, found.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "https://relais.example.org/api" in found.body
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert not re.search(r"<(?:script|link|img|iframe)|src=|url\(", found.body)
    assert found.headers["cache-control"] == "no-cache"
    for method, known, status in (("HEAD", '"other"', 200), ("GET", found.headers["etag"], 304)):
        headers = {"Host": "relais.example.org", "If-None-Match": known}
        answer = ask(app, gateway_event(method, "/docs", headers))
        assert (answer.status, answer.body, answer.headers["etag"]) == (status, "", found.headers["etag"])


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "anything"),
        ({"type": "string", "minLength": 1, "maxLength": 1000}, "string, not empty, at most 1,000 characters"),
        (
            {"type": ["integer", "null"], "minimum": 2, "default": 5},
            "integer or null, from 2, by default <code>5</code>",
        ),
        ({"type": "string", "pattern": "^<a>$"}, "string, <code>^&lt;a&gt;$</code>"),
        ({"type": "string", "pattern": "x" * 100}, "string"),
        ({"type": "string", "enum": ["a", None]}, "<code>a</code>, <code>null</code>"),
        ({"const": True}, "<code>true</code>"),
        ({"type": ["array", "null"], "items": {"$ref": "#/a/B"}}, 'array of <a href="#schema-B">B</a> or null'),
        ({"type": ["object", "array"], "items": {}, "maxItems": 0}, "object or array, at most 0 entries"),
        ({"anyOf": [{"type": "string"}, {"type": "string", "maxLength": 0}]}, "string or string, at most 0 characters"),
        ({"allOf": [{"$ref": "#/a/B"}, {"properties": {}}]}, '<a href="#schema-B">B</a>'),
        ({"properties": {}}, "object"),
        ({"type": "string", "contentSchema": {"type": "object"}}, "JSON text of object"),
    ],
    ids=str,
)
def test_a_schema_is_told_in_words(schema: dict[str, Any], said: str) -> None:
    assert kind(schema) == said


def test_members_are_those_of_the_schema_itself() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string", "description": "`x`"}}, "required": ["a"]}
    (one,) = members({"type": "array", "items": {"anyOf": [inner, {}]}})
    assert (one.name, one.required, one.description, one.members) == ("a", True, "<code>x</code>", ())
    (other,) = members({"additionalProperties": {"type": "null"}})
    assert (other.name, other.kind) == ("any other name", "null")


def test_texts_are_escaped_and_have_paragraphs() -> None:
    assert marked("a <b> `<c>`\n\nd") == "a &lt;b&gt; <code>&lt;c&gt;</code></p>\n<p>d"
