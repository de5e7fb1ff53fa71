"""Renders a JSON Schema as HTML: the kind of a value, its limits, and its members."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

_LONGEST_PATTERN = 48
"""Characters of a regular expression that a person still reads; descriptions say what longer ones mean."""
_CODE = re.compile(r"`([^`]+)`")
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "from {}",
    "maximum": "up to {}",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minProperties": "at least {} members",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A named value: a member of an object, a parameter, or a header."""

    name: str
    kind: Markup
    description: Markup
    required: bool = False
    members: tuple[Member, ...] = ()


def marked(text: str) -> Markup:
    """Returns a text of the document as HTML: escaped, with code between backticks, and its paragraphs."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return Markup("</p>\n<p>").join(_with_code(one) for one in paragraphs)


def kind(schema: Mapping[str, Any]) -> Markup:
    """Returns what values a schema takes, with their limits, and with links to the schemas that it refers to."""
    said = [_kind(schema), *(_limit(name, schema[name]) for name in _LIMITS if name in schema)]
    if "pattern" in schema and len(schema["pattern"]) <= _LONGEST_PATTERN:
        said.append(_code(schema["pattern"]))
    if "format" in schema:
        said.append(str(schema["format"]))
    if "default" in schema:
        said.append(Markup("by default {}").format(_code(schema["default"])))
    return Markup(", ").join(said)


def members(schema: Mapping[str, Any]) -> tuple[Member, ...]:
    """Returns the members of an object, or of the objects of an array, that stand in the schema itself."""
    inner = schema if "object" in schema.get("type", "") else schema.get("items", schema)
    inner = next((one for one in inner.get("anyOf", ()) if "properties" in one and "allOf" not in one), inner)
    required = inner.get("required", ())
    found = [_member(name, each, name in required) for name, each in inner.get("properties", {}).items()]
    others = inner.get("additionalProperties")
    return (*found, *([_member("any other name", others, False)] if isinstance(others, Mapping) else ()))


def value(of: Any) -> str:
    """Returns a value as indented JSON; a text as it is."""
    return of if isinstance(of, str) else json.dumps(of, ensure_ascii=False, indent=2)


def _member(name: str, schema: Mapping[str, Any], required: bool) -> Member:
    return Member(name, kind(schema), _with_code(schema.get("description", "")), required, members(schema))


def _limit(name: str, limit: int) -> str:
    if limit == 1 and name.startswith("min") and name != "minimum":
        return "not empty"
    return _LIMITS[name].format(f"{limit:,}")


def _kind(schema: Mapping[str, Any]) -> Markup:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return Markup(", ").join(map(_code, schema["enum"]))
    if "anyOf" in schema:
        return Markup(" or ").join(dict.fromkeys(map(kind, schema["anyOf"])))
    if "allOf" in schema:
        return kind(schema["allOf"][0])
    stated = schema.get("type", "object" if "properties" in schema else "anything")
    types = [stated] if isinstance(stated, str) else stated
    if "items" in schema and "object" not in types:
        return Markup("array of {}{}").format(kind(schema["items"]), " or null" if "null" in types else "")
    if "contentSchema" in schema:
        return Markup("JSON text of {}").format(kind(schema["contentSchema"]))
    return Markup(" or ").join(types)


def _code(value: Any) -> Markup:
    return Markup("<code>{}</code>").format(value if isinstance(value, str) else json.dumps(value))


def _with_code(text: str) -> Markup:
    parts = _CODE.split(text)
    return Markup("").join(_code(part) if number % 2 else part for number, part in enumerate(parts))
