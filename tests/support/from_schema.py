"""Hypothesis strategies for what a JSON Schema of docs/schemas/ allows: the keywords that those use, and no others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]

_WORDS = (
    "x",
    "word",
    "prenom",
    "4781",
    "a@example.com",
    "https://www.example.com/a",
    "fr",
    "v1",
    "key-" * 10,
    "Zoé, ou",
    " ",
)
_ANNOTATIONS = {"description", "examples", "default", "title", "$comment", "$schema", "$id", "definitions", "$defs"}
_KNOWN = _ANNOTATIONS | {
    *("type", "enum", "const", "anyOf", "if", "then", "else", "not", "$ref"),
    *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
    *("items", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum"),
}


def instances(schema: Schema | bool, root: Schema) -> st.SearchStrategy[Any]:
    """Values that look as `schema` asks; what it says of whole objects (`not`) is left for a validator to filter."""
    if isinstance(schema, bool) or not schema.keys() - _ANNOTATIONS:
        return st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(_WORDS))
    assert schema.keys() <= _KNOWN, schema.keys() - _KNOWN
    if "$ref" in schema:
        return st.deferred(lambda: instances(_resolved(schema["$ref"], root), root))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        outer = {key: value for key, value in schema.items() if key != "anyOf"}
        return st.one_of([instances({**outer, **each}, root) for each in schema["anyOf"]])
    if "if" in schema:
        return st.one_of([instances(each, root) for each in _branches(schema, root)])
    kinds = schema.get("type", "object")
    return st.one_of([_of_type(kind, schema, root) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _of_type(kind: str, schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    match kind:
        case "object":
            return _objects(schema, root)
        case "array":
            return st.lists(instances(schema.get("items", True), root), min_size=schema.get("minItems", 0), max_size=3)
        case "string":
            return _texts(schema)
        case "integer":
            return st.integers(schema.get("minimum", -(10**6)), schema.get("maximum", 10**6))
        case "number":
            ends = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
            return st.floats(**ends, allow_nan=False, allow_infinity=False).filter(lambda each: each != int(each))
        case "boolean":
            return st.booleans()
    assert kind == "null", kind
    return st.none()


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[dict[str, Any]]:
    known = {key: instances(each, root) for key, each in schema.get("properties", {}).items()}
    required = {key: known.get(key, st.just("x")) for key in schema.get("required", ())}
    optional = {key: each for key, each in known.items() if key not in required}
    fixed = st.fixed_dictionaries(required, optional=optional)
    names: st.SearchStrategy[dict[str, Any]] = st.just({})
    for each in schema.get("patternProperties", {}).values():
        least = schema.get("minProperties", 0)
        names = st.dictionaries(st.sampled_from(("paris", "footer")), instances(each, root), min_size=least, max_size=2)
    others = schema.get("additionalProperties", not (known or schema.get("patternProperties")))
    if others is not False:
        pattern = schema.get("propertyNames", {}).get("pattern", "")
        free = st.sampled_from([word for word in (*_WORDS, "@unsubscribe_url") if re.search(pattern, word)])
        names = st.dictionaries(free, instances(others, root), max_size=3)
    return st.builds(lambda first, second: {**second, **first}, fixed, names)


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    pattern, longest = schema.get("pattern", ""), schema.get("maxLength", 10**6)
    words = [each for each in (*schema.get("examples", ()), *_WORDS) if isinstance(each, str)]
    fitting = [
        each for each in words if re.search(pattern, each) and schema.get("minLength", 0) <= len(each) <= longest
    ]
    alphabet = st.characters(codec="utf-8", exclude_categories=["Cc"])
    free = st.text(alphabet, min_size=schema.get("minLength", 0), max_size=min(40, longest))
    allowed = free.filter(lambda each: re.search(pattern, each) is not None)
    if "pattern" not in schema:
        return st.one_of(free, st.sampled_from(fitting)) if fitting else free
    return st.sampled_from(fitting) if fitting else allowed


def _branches(schema: Schema, root: Schema) -> Sequence[Schema]:
    """Return the object of each `then` of a chain of if, then and else, with what `properties` says of its keys."""
    outer = {key: value for key, value in schema.items() if key not in ("if", "then", "else")}
    branches: list[Schema] = []
    rest: Any = schema
    while isinstance(rest, Mapping) and "if" in rest:
        then = _resolved(rest["then"]["$ref"], root) if "$ref" in rest["then"] else rest["then"]
        own = {key: {**outer["properties"].get(key, {}), **each} for key, each in then["properties"].items()}
        own |= {key: each for key, each in rest["if"]["properties"].items() if each}
        branches.append({**outer, **then, "properties": own})
        rest = rest["else"]
    return branches


def _resolved(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
