"""Makes docs/schemas/event.schema.json and queue-message.schema.json out of the schema of what is accepted.

Relais accepts much that no careful sender sends: unknown members, null, addresses in decoration. A sender that
validates before sending wants the opposite: a misspelt member is to be found. So the first file is the strict form of
an event, the second one what may stand on a queue, leniency included.
"""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator

from chalicelib.description.event_schema import EVENT_EXAMPLES, event_definitions
from chalicelib.description.json_schema import CONTROLS, Schema, ref
from chalicelib.domain.addresses import MAX_LENGTH
from chalicelib.domain.events import EventType
from chalicelib.domain.limits import ENVELOPES, EVENTS_A_MESSAGE

EVENT_FILE = "event.schema.json"
QUEUE_FILE = "queue-message.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ANNOTATIONS = frozenset({"description", "examples"})
_TYPES = [type.value for type in EventType]


def _with(**members: Schema) -> Schema:
    """Returns the schema of an object that has these members, `_` in their names for `-`."""
    stated = {name.replace("_", "-"): schema for name, schema in members.items()}
    return {"type": "object", "properties": stated, "required": list(stated)}


_SIGNUP, _UNSUBSCRIBE, _SYNC = ({"const": type} for type in _TYPES)
_ALTERNATIVES: tuple[tuple[str, Schema], ...] = (
    ("Unsubscribe", _with(type=_UNSUBSCRIBE)),
    ("UnsubscribesSync", _with(type=_SYNC, kind={"const": "unsubscribes"})),
    ("SourceSync", _with(type=_SYNC, source={})),
    ("ContactsSync", _with(type=_SYNC)),
    ("SignupByForm", _with(type=_SIGNUP, form={})),
    ("SignupToList", _with(type=_SIGNUP)),
)
"""The definitions of events, each with what shows that this one is meant, so that a mistake is told of it alone."""
_STATED: Schema = {"not": {"type": "null"}}


def strict_event_schema() -> Schema:
    """Returns the schema of an event as a careful sender writes it: all of it is accepted, and no more is allowed."""
    definitions = {name: _strict(schema) for name, schema in event_definitions().items() if name != "Event"}
    definitions["SignupAddress"] = definitions["UnsubscribeAddress"] = _address()
    chosen: Any = True
    for name, condition in reversed(_ALTERNATIVES):
        chosen = {"if": condition, "then": ref(name), "else": chosen}
    schema: Schema = _in_every_dialect(
        {
            "$schema": _DIALECT,
            "title": "An event for Relais, as a careful sender writes it",
            "description": "Made by `python -m local.schemas`. Relais accepts more than this: it ignores unknown "
            "members, which are mistakes here. docs/back-ends.md explains events.",
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": _TYPES}},
            **chosen,
            "$defs": definitions,
        }
    )
    valid = Draft202012Validator(schema).is_valid
    return {**schema, "examples": [example for example in EVENT_EXAMPLES.values() if valid(example)]}


def queue_message_schema() -> Schema:
    """Returns the schema of what may stand on a queue: an event, alone or in envelopes round it."""
    levels = {f"In{depth}Envelopes": _envelope(depth) for depth in range(ENVELOPES + 1)}
    return {
        "$schema": _DIALECT,
        "title": "A message on a queue of Relais",
        "description": "Made by `python -m local.schemas`. One event, or up to "
        f"{EVENTS_A_MESSAGE:,} in up to {ENVELOPES} envelopes, each of them valid. Everything that is accepted, "
        "leniency included; event.schema.json is for validation before sending.",
        **ref(f"In{ENVELOPES}Envelopes"),
        "$defs": {**levels, **_in_every_dialect(event_definitions())},
    }


def _envelope(depth: int) -> Schema:
    """Returns the schema of an event in at most `depth` envelopes: how each is recognised, and what stands in it."""
    if depth == 0:
        return ref("Event")
    inner = ref(f"In{depth - 1}Envelopes")
    several = {"type": "array", "minItems": 1, "maxItems": EVENTS_A_MESSAGE, "items": inner}
    text = {"pattern": r'^[\s\ufeff]*[\[{"]', "contentMediaType": "application/json", "contentSchema": inner}
    choices: tuple[tuple[Schema, Schema], ...] = (
        ({"type": "string"}, {"description": "JSON in a JSON text.", **text}),
        ({"type": "array"}, {"description": "Several events.", **several}),
        (_with(type={"enum": _TYPES}), ref("Event")),
        (
            _with(Type={"const": "Notification"}, Message={"type": "string"}),
            {
                "description": "A notification of SNS, from a subscription without raw message delivery.",
                "properties": {"Message": text},
            },
        ),
        (
            _with(detail_type={"type": "string"}, detail=_STATED),
            {"description": "An event of EventBridge.", "properties": {"detail": inner}},
        ),
        (
            _with(events=_STATED),
            {
                "description": "Several events, as `POST /events` takes them; or one.",
                "properties": {"events": {"if": {"type": "array"}, "then": several, "else": inner}},
            },
        ),
    )
    chosen: Schema = ref("Event")
    for condition, then in reversed(choices):
        chosen = {"if": condition, "then": then, "else": chosen}
    return chosen


def _address() -> Schema:
    return {
        "type": "string",
        "maxLength": MAX_LENGTH,
        "pattern": rf"^[^@\s<>{CONTROLS}]+@[^@\s<>{CONTROLS}]+$",
        "description": "An e-mail address, also an international one, and nothing round it.",
        "examples": ["zoe@example.com"],
    }


def _in_every_dialect(schema: Any) -> Any:
    """Returns a schema whose patterns end where the text ends; to Python and PHP, `$` allows a line break behind."""
    if isinstance(schema, list):
        return [_in_every_dialect(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: rf"{value}(?!\n)" if key == "pattern" and value.endswith("$") else _in_every_dialect(value)
        for key, value in schema.items()
    }


def _strict(schema: Any) -> Any:
    """Returns a schema without mere leniency: null, `[]` in place of an object, unknown members, anything at all."""
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict_value(key, value) for key, value in schema.items() if key not in ("format", "contains")}
    types = strict.get("type")
    if isinstance(types, list):
        without = [each for each in types if each != "null" and not ("object" in types and each == "array")]
        strict["type"] = without[0] if len(without) == 1 else without
        if "object" in types:
            strict.pop("maxItems", None)
            strict.pop("items", None)
    if "enum" in strict:
        strict["enum"] = [each for each in strict["enum"] if each is not None]
    if "properties" in strict:
        strict["additionalProperties"] = False
    if "anyOf" in strict and len(strict["anyOf"]) == 1:
        (only,) = strict.pop("anyOf")
        strict = {**only, **strict}
    return strict


def _strict_value(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: _strict(each) for name, each in value.items() if each != {"type": "null"}}
    if key == "anyOf":
        return [_strict(each) for each in value if each != {"type": "null"} and each.keys() - _ANNOTATIONS]
    return _strict(value) if isinstance(value, dict) and key != "const" else value
