"""The JSON Schema of events, for `POST /events` and for messages on the queues alike.

It describes what is accepted, leniency included. What lies outside is refused; what lies inside is refused only for
what no schema can know: names that are not configured, what the sender may send, the clock, sizes in bytes, and the
finer rules of e-mail addresses.
"""

from __future__ import annotations

from typing import Any

from ..domain.addresses import MAX_DECORATED
from ..domain.events import EventType
from ..domain.ids import ID_PATTERN
from ..domain.limits import CONTACTS_A_SYNC, CONTACTS_SYNC_KB, EVENT_KB, EVENTS_A_REQUEST, NAME_CHARACTERS
from ..domain.texts import SHA_256_PATTERN
from ..domain.times import TIME_PATTERN
from ..ingestion.parse_event import SCOPES
from ..ingestion.parse_sync import KINDS
from .json_schema import CONTROLS, TEXT_PATTERN, Schema, choice, described, list_of, nullable, ref

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CONTACTS, _UNSUBSCRIBES = KINDS
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_NOT_BLANK = rf"[^@{CONTROLS}]*[^@\s{CONTROLS}][^@{CONTROLS}]*"
_ONE_AT = f"{_NOT_BLANK}@{_NOT_BLANK}"
_IN_BRACKETS = rf"[^{CONTROLS}]*<[^<>{CONTROLS}]*@[^<>{CONTROLS}]*>[^{CONTROLS}]*"
_MAILTO = rf"[^{CONTROLS}]*[Mm][Aa][Ii][Ll][Tt][Oo]:[^{CONTROLS}]*(?:@|%40)[^{CONTROLS}]*"
_TEXT: Schema = {"type": "string", "pattern": TEXT_PATTERN}
_TIME: Schema = {
    "type": "string",
    "pattern": f"^{TIME_PATTERN}$",
    "description": "An RFC 3339 time with an offset; it may lack its seconds.",
}
_LIST: Schema = {"anyOf": [_TEXT, {"type": "integer"}], "description": "The list's id at the provider."}
_AT_MOST = f"At most {EVENT_KB} KB as a whole."


def event_schema() -> Schema:
    """Returns the JSON Schema (2020-12) of one event as a document of its own, its parts in `$defs`."""
    return {"$schema": _DIALECT, "title": "An event for Relais", **ref("Event"), "$defs": event_definitions()}


def event_definitions() -> dict[str, Schema]:
    """Returns the schemas of events by name. They refer to each other as `#/$defs/NAME`."""
    return {
        "Event": {
            "description": "A signup, an unsubscribe or a sync. Unknown members are ignored; null counts as absent.",
            "anyOf": [
                ref("SignupByForm"),
                ref("SignupToList"),
                ref("Unsubscribe"),
                ref("UnsubscribesSync"),
                ref("ContactsSync"),
                ref("SourceSync"),
            ],
            "examples": list(EVENT_EXAMPLES.values()),
        },
        **_signups(),
        "Unsubscribe": _unsubscribe(),
        **_syncs(),
        **_parts(),
    }


def event_batch() -> Schema:
    """Returns the schema of a list of events: accepted if one of them is; the others are rejected one by one."""
    return {
        "type": "object",
        "description": "Several events. Each is accepted or rejected by itself; with none accepted the answer is 422.",
        "required": ["events"],
        "properties": {
            "events": {
                "type": "array",
                "minItems": 1,
                "maxItems": EVENTS_A_REQUEST,
                "contains": ref("Event"),
                "items": {"anyOf": [ref("Event"), {"description": "Anything else is rejected by itself."}]},
            }
        },
    }


def _event(type: EventType, description: str, required: list[str], **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["type", *required],
        "properties": {
            "type": {"const": type.value, "type": "string"},
            "id": nullable(ref("EventId")),
            "occurred_at": nullable(
                described(
                    _TIME,
                    "When it happened: at most five minutes ahead. By default the time of the signature, or that at"
                    " which the message was sent to the queue.",
                )
            ),
            **properties,
        },
    }


def _signups() -> dict[str, Schema]:
    account = described(_TEXT, "A configured account.")
    common = {"email": ref("SignupAddress"), "consent": ref("Consent")}
    by_form = _event(
        EventType.SIGNUP,
        f"A signup by a configured form, which knows account, list and the provider's names of fields. {_AT_MOST}",
        ["email", "form"],
        form=described(_TEXT, "A configured form."),
        account=nullable(described(_TEXT, "If given, the form's own.")),
        list=nullable(described(_LIST, "If given, the form's own.")),
        fields={
            "description": "By the form's own names. A field that the form maps is a `FieldValue`; any other is left"
            " out, and noted.",
            "type": ["object", "array", "null"],
            "items": {},
            "maxItems": 0,
            "additionalProperties": {"anyOf": [ref("FieldValue"), {}]},
        },
        **common,
    )
    to_list = _event(
        EventType.SIGNUP,
        f"A signup to a list of an account, with the provider's own names of fields. {_AT_MOST}",
        ["email", "account", "list"],
        account=account,
        list=_LIST,
        form={"type": "null"},
        fields={
            "description": "By the provider's names. An empty array counts as no fields.",
            "type": ["object", "array", "null"],
            "items": {},
            "maxItems": 0,
            **ref("FieldsByName"),
        },
        **common,
    )
    return {"SignupByForm": by_form, "SignupToList": to_list}


def _unsubscribe() -> Schema:
    return _event(
        EventType.UNSUBSCRIBE,
        f"An unsubscribe from some accounts, or from all. {_AT_MOST}",
        ["email"],
        email=ref("UnsubscribeAddress"),
        accounts=nullable(
            list_of(
                {"anyOf": [_TEXT, {"description": "Anything else is left out, and noted."}]},
                "Exactly these accounts; without it, all. Unknown names beside a known one are left out, and noted.",
                minItems=1,
                contains={"type": "string"},
            )
        ),
        scope=nullable(
            choice(SCOPES, "`global` asks a provider that has such a list to mail the person from no sender at all.")
        ),
    )


def _syncs() -> dict[str, Schema]:
    accounts = list_of(_TEXT, minItems=1)
    return {
        "UnsubscribesSync": _event(
            EventType.SYNC,
            "Propagates unsubscribes from some accounts to others; without accounts those of `[sync.unsubscribes]`.",
            ["kind"],
            kind={"const": _UNSUBSCRIBES, "type": "string"},
            **{"from": nullable(accounts), "to": nullable(accounts)},
        ),
        "ContactsSync": _event(
            EventType.SYNC,
            f"Contacts for a list, each as one signup. At most {CONTACTS_SYNC_KB} KB as a whole.",
            ["kind", "account", "list", "contacts"],
            kind={"const": _CONTACTS, "type": "string"},
            source={"type": "null"},
            account=_TEXT,
            list=_LIST,
            contacts=list_of(
                {"type": "object", **ref("FieldsByName")},
                "The address in `email`, or in the list's own column for it, and fields by the provider's names.",
                minItems=1,
                maxItems=CONTACTS_A_SYNC,
            ),
        ),
        "SourceSync": _event(
            EventType.SYNC,
            "Contacts from a configured source (`[sources.NAME]`).",
            ["kind", "source"],
            kind={"const": _CONTACTS, "type": "string"},
            source=_TEXT,
            account=nullable(_TEXT),
            list=nullable(_LIST),
            contacts={"type": "null"},
        ),
    }


def _parts() -> dict[str, Schema]:
    return {
        "EventId": {
            "type": "string",
            "pattern": f"^{ID_PATTERN}$",
            "description": "Names an event for all senders. A repeat with the same content is the same event.",
            "examples": ["order-4711.signup"],
        },
        "SignupAddress": {
            "type": "string",
            "format": "idn-email",
            "maxLength": MAX_DECORATED,
            "pattern": f"^{_ONE_AT}$",
            "description": "A valid e-mail address, also an international one. White space and invisible characters at"
            " its ends and beside the @ are dropped.",
            "examples": ["zoe@example.com"],
        },
        "UnsubscribeAddress": {
            "type": "string",
            "maxLength": MAX_DECORATED,
            "pattern": f"^(?:{_ONE_AT}|{_IN_BRACKETS}|{_MAILTO})$",
            "description": "Whatever may be an e-mail address, also as a mail program writes it:"
            " `Zoé <zoe@example.com>`, `mailto:…`, in quotes, with a full stop behind.",
            "examples": ["zoe@example.com"],
        },
        "FieldValue": {
            "description": "Texts of an array are joined by commas. Numbers and booleans become texts.",
            "anyOf": [_SCALAR, list_of(_SCALAR)],
        },
        "FieldsByName": {
            "propertyNames": {"maxLength": NAME_CHARACTERS, "pattern": TEXT_PATTERN},
            "additionalProperties": ref("FieldValue"),
        },
        "Consent": {
            "description": "Evidence of consent. A flaw in it, or anything else in its place, is left out and noted in"
            " the event's `notes`; the signup goes on.",
            "anyOf": [_consent(), {}],
        },
    }


def _consent() -> Schema:
    return {
        "type": "object",
        "properties": {
            "source": nullable(described(_TEXT, "The page.")),
            "text": nullable(described(_TEXT, "The version of the wording.")),
            "ip": nullable(described(_TEXT, "The person's IP address.")),
            "at": nullable(described(_TIME, "When it was given; by default when the event occurred.")),
            "wording": nullable(described(_TEXT, "The wording itself; only its SHA-256 is kept.")),
            "wording_sha256": nullable({"type": "string", "pattern": f"^{SHA_256_PATTERN}$"}),
        },
    }


EVENT_EXAMPLES: dict[str, dict[str, Any]] = {
    "signup by a form": {
        "type": "signup",
        "id": "order-4711.signup",
        "occurred_at": "2026-03-01T09:30:00Z",
        "form": "footer",
        "email": "zoe@example.com",
        "fields": {"prenom": "Zoé"},
        "consent": {"source": "https://www.example.com/", "ip": "203.0.113.9", "text": "v3"},
    },
    "signup to a list": {
        "type": "signup",
        "account": "paris",
        "list": "4781",
        "email": "lea@example.com",
        "fields": {"prenom": "Léa", "nom": None},
    },
    "signup by a shop in PHP, which writes empty arrays": {
        "type": "signup",
        "occurred_at": "2026-03-01T09:30Z",
        "form": "footer",
        "email": " noe@example.com",
        "fields": [],
        "consent": [],
    },
    "unsubscribe from every account": {"type": "unsubscribe", "email": "Zoé <zoe@example.com>"},
    "unsubscribe from one account": {
        "type": "unsubscribe",
        "email": "lea@example.com",
        "accounts": ["paris"],
        "scope": "account",
    },
    "sync of unsubscribes": {"type": "sync", "kind": "unsubscribes", "from": ["lettre"], "to": ["paris"]},
    "sync of contacts": {
        "type": "sync",
        "kind": "contacts",
        "account": "paris",
        "list": "4781",
        "contacts": [{"email": "zoe@example.com", "prenom": "Zoé"}, {"email": "lea@example.com", "prenom": "Léa"}],
    },
    "sync of contacts from a source": {"type": "sync", "kind": "contacts", "source": "crm"},
}
"""One of each kind, for the sample configuration."""
