"""Makes the OpenAPI document a page for people, in English as the document is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..web.http_messages import Response
from ..web.pages.rendering import render
from .json_schema import Schema
from .responses import BASE_HEADERS
from .schema_html import Member, kind, marked, members, value

_STYLES = ("base.css", "docs.css")
_SHOWN_METHODS = ("get", "post")
"""HEAD is as GET, and OPTIONS says the same of every path."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body in one or several media types that have the same schema."""

    media_types: tuple[str, ...]
    kind: Markup
    members: tuple[Member, ...]
    examples: tuple[tuple[str, str], ...]
    """Each with its name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers with one status."""

    status: str
    description: Markup
    headers: tuple[str, ...]
    content: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation as the page shows it, or a webhook, which has no path."""

    id: str
    method: str
    path: str
    summary: Markup
    description: Markup
    security: Markup
    parameters: tuple[Member, ...]
    body: Markup | None
    content: tuple[Content, ...]
    answers: tuple[Answer, ...]


def docs_page(document: Schema, headers: Mapping[str, str]) -> Response:
    """Returns the page of Relais' document: all that it says but HEAD, OPTIONS, links, and the errors' examples."""
    reader = _Reader(document)
    by_tag: dict[str, list[Shown]] = {tag["name"]: [] for tag in document["tags"]}
    for tag, shown in reader.operations():
        by_tag[tag].append(shown)
    components = document["components"]
    return render(
        "docs.html",
        "en",
        {},
        headers=headers,
        styles=_STYLES,
        info=document["info"],
        introduction=marked(document["info"]["description"]),
        url=document["servers"][0]["url"],
        tags=[(tag["name"], marked(tag["description"]), by_tag[tag["name"]]) for tag in document["tags"]],
        security=[(name, marked(each["description"])) for name, each in components["securitySchemes"].items()],
        named_headers=[reader.named(name, each) for name, each in components["headers"].items()],
        schemas=[
            (name, kind(each), marked(each.get("description", "")), members(each), _examples(each.get("examples", ())))
            for name, each in components["schemas"].items()
        ],
    )


class _Reader:
    """Reads operations of a document, whatever they refer to."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def operations(self) -> Iterator[tuple[str, Shown]]:
        """Yields each operation that is shown with its tag, webhooks last."""
        for path, item in self._document["paths"].items():
            for method in _SHOWN_METHODS:
                if method in item:
                    yield item[method]["tags"][0], self._shown(path, method, item, item[method])
        for item in self._document["webhooks"].values():
            yield item["post"]["tags"][0], self._shown("", "post", item, item["post"])

    def named(self, name: str, schema: Schema) -> Member:
        """Returns a parameter or header; its name says where it stands."""
        place = f" ({schema['in']})" if "in" in schema else ""
        description = marked(schema.get("description", ""))
        return Member(name + place, kind(schema["schema"]), description, schema.get("required", False))

    def _shown(self, path: str, method: str, item: Schema, operation: Schema) -> Shown:
        given = [self._found(one) for one in [*item.get("parameters", ()), *operation.get("parameters", ())]]
        body = operation.get("requestBody")
        webhook = next((name for name, one in self._document["webhooks"].items() if one is item), "")
        schemes = [" + ".join(f"`{name}`" for name in one) for one in operation.get("security", ())]
        return Shown(
            id=operation["operationId"],
            method=method.upper(),
            path=path or webhook,
            summary=marked(operation["summary"]),
            description=marked(operation.get("description", "")),
            security=marked(" or ".join(schemes)),
            parameters=tuple(self.named(one["name"], one) for one in given),
            body=None if body is None else marked(body.get("description", "")),
            content=self._content(body or {}, examples=True),
            answers=tuple(self._answer(status, one) for status, one in operation["responses"].items()),
        )

    def _answer(self, status: str, response: Schema) -> Answer:
        found = self._found(response)
        if "$ref" in response:  # an error like all others: a problem or a page
            return Answer(status, marked(found["description"]), (), ())
        own = tuple(name for name in found.get("headers", {}) if name not in BASE_HEADERS)
        content = self._content(found, examples=status < "300")
        return Answer(status, marked(found["description"]), own, content)

    def _content(self, body: Schema, *, examples: bool) -> tuple[Content, ...]:
        alike: list[tuple[list[str], Schema]] = []
        for media_type, one in body.get("content", {}).items():
            same = next((types for types, other in alike if other == one), None)
            if same is None:
                alike.append(([media_type], one))
            else:
                same.append(media_type)
        return tuple(
            Content(tuple(types), kind(one["schema"]), members(one["schema"]), self._named(one) if examples else ())
            for types, one in alike
        )

    def _named(self, media_type: Schema) -> tuple[tuple[str, str], ...]:
        given = {name: one["value"] for name, one in media_type.get("examples", {}).items()}
        single = {"": media_type["example"]} if "example" in media_type else {}
        return tuple((name, value(one)) for name, one in {**single, **given}.items())

    def _found(self, part: Mapping[str, Any]) -> Schema:
        """Returns a part of the document, or what it refers to."""
        found: Any = part
        while "$ref" in found:
            at: Any = self._document
            for name in found["$ref"].removeprefix("#/").split("/"):
                at = at[name]
            found = at
        return dict(found)


def _examples(given: Any) -> list[str]:
    return [value(one) for one in given]
