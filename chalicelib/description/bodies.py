"""The bodies of requests as OpenAPI request bodies."""

from __future__ import annotations

from typing import Any

from ..domain.limits import CONSENT_CHARACTERS, EVENTS_REQUEST_MB, FORM_KB
from ..ingestion import parse_form
from ..ingestion.form_proofs import PROOF, STAMP
from .event_schema import EVENT_EXAMPLES
from .json_schema import Schema, ref

# Only in the description: generators of clients and of requests would send any text under these types.
_ALSO = "JSON is also read as `text/json`, `text/plain`, any `+json`, or without a type, and behind byte order marks."
_TEXT: Schema = {"type": "string"}
URLENCODED, MULTIPART, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
# The same with a name for each media type: generated clients choose the media type by the type of the body.
_SUBMISSIONS = {JSON: "FormSubmission", URLENCODED: "UrlencodedForm", MULTIPART: "MultipartForm"}


def events_body() -> Schema:
    """Returns the body of `POST /events`."""
    single: dict[str, Any] = {name: {"value": value} for name, value in EVENT_EXAMPLES.items()}
    several = {"several events": {"value": {"events": list(EVENT_EXAMPLES.values())[:2]}}}
    schema = ref("EventsRequest")
    return {
        "description": f"One event, or several. At most {EVENTS_REQUEST_MB} MB, without a content coding. {_ALSO}",
        "required": True,
        "content": {JSON: {"schema": schema, "examples": {**single, **several}}},
    }


def request_definitions() -> dict[str, Schema]:
    """Returns the schemas of request bodies by name, beside those of events."""
    alone: Schema = {
        "description": "One event.",
        "allOf": [ref("Event")],
        "properties": {"events": {"type": "null"}},
    }
    return {
        "EventsRequest": {"anyOf": [alone, ref("EventBatch")]},
        **{name: _submission() for name in _SUBMISSIONS.values()},
    }


def _submission() -> Schema:
    consent = f"At most {CONSENT_CHARACTERS:,} characters."
    words = {
        parse_form.CONSENT_FIELDS[0]: f"The page of the consent. {consent}",
        parse_form.CONSENT_FIELDS[1]: f"The version of its wording. {consent}",
        parse_form.CONSENT_FIELDS[2]: "The wording itself; only its SHA-256 is kept.",
        parse_form.CONSENT_FIELDS[3]: "The SHA-256 of the wording.",
        STAMP: "The signed time of a challenge or a hosted page.",
        PROOF: "The solution of a challenge, as ALTCHA's widget writes it.",
    }
    return {
        "type": "object",
        "description": "The form's own fields by their names: the one that is mapped to `@email` is the address, which"
        " is required. A repeated field, or an array in JSON, has its texts joined by commas. Fields that the form does"
        " not map are ignored. A name such as `user[email]` also names a member of an object, or elements of an array."
        " Relais reads these besides; in JSON the consent may also be an object `consent`.",
        "minProperties": 1,
        "properties": {name: {"description": text} for name, text in words.items()},
        "additionalProperties": True,
    }


def form_body(example: dict[str, Any]) -> Schema:
    """Returns the body of a website form."""
    return {
        "description": f"At most {FORM_KB} KB, without files and without a content coding. Forms are read in UTF-8, or"
        f" in windows-1252 where they are not. {_ALSO}",
        "required": True,
        "content": {kind: {"schema": ref(name), "example": example} for kind, name in _SUBMISSIONS.items()},
    }


def one_click_body() -> Schema:
    """Returns the body of an unsubscribe link's POST (RFC 8058): whatever it is, it is not read."""
    schema = {"type": "object", "properties": {"List-Unsubscribe": _TEXT}}
    return {
        "description": "Not read: the token says it all.",
        "content": {URLENCODED: {"schema": schema, "example": {"List-Unsubscribe": "One-Click"}}},
    }


def dashboard_body(*required: str, **fields: Schema) -> Schema:
    """Returns the body of a form of the dashboard, with the fields that it must have."""
    schema: Schema = {"properties": fields, **({"required": [*required]} if required else {})}
    content = {kind: {"schema": {"type": "object", **schema}} for kind in (URLENCODED, MULTIPART)}
    text = "A form of the dashboard's own pages. A program may send the same fields as a JSON object of texts."
    return {"description": text, "required": bool(required), "content": content}
