"""Parts of JSON Schemas (2020-12) that several descriptions use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.texts import text_error

Schema = dict[str, Any]

_LATIN = 0x100
"""All control characters are below."""


def _ranges(codes: Iterable[int]) -> str:
    """Returns the characters of these codes for a class of a regular expression."""
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in found)


CONTROLS = _ranges(code for code in range(_LATIN) if text_error(chr(code)) is not None)
"""The characters that no text may have, for a class of a regular expression."""
TEXT_PATTERN = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
"""A text that is not blank and has no control characters but tab and line breaks."""


def described(schema: Schema, description: str) -> Schema:
    """Returns a schema with a description of its own."""
    return {**schema, "description": description}


def nullable(schema: Schema) -> Schema:
    """Returns the schema of a value that may also be null."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    rest = {name: value for name, value in schema.items() if name in ("description", "default", "examples")}
    return {**rest, "anyOf": [{name: value for name, value in schema.items() if name not in rest}, {"type": "null"}]}


def choice(values: Iterable[str], description: str = "") -> Schema:
    """Returns the schema of one of some words."""
    return {"type": "string", "enum": list(values), **({"description": description} if description else {})}


def exactly(properties: Mapping[str, Schema], *, optional: Iterable[str] = (), description: str = "") -> Schema:
    """Returns the schema of an object that has these members and no other."""
    left_out = set(optional)
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


def list_of(items: Schema, description: str = "", **more: Any) -> Schema:
    """Returns the schema of an array."""
    return {"type": "array", "items": items, **({"description": description} if description else {}), **more}


def ref(name: str) -> Schema:
    """Returns a reference to a definition of the same document; `document` moves it to where OpenAPI has schemas."""
    return {"$ref": f"#/$defs/{name}"}
