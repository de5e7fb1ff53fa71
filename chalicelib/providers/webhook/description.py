"""Describes the notices for the receiving back end, as `webhooks` of OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, get_args

from ...domain.events import Door
from ...domain.ids import ID_PATTERN
from ...domain.webhook_signature import ID, SIGNATURE, TIMESTAMP
from .notices import NoticeType
from .provider import OWNER_MUST_ACT, REFUSED

_SUMMARIES: dict[NoticeType, str] = {
    "subscriber.signed_up": "A person has signed up",
    "subscriber.unsubscribed": "A person has unsubscribed",
    "subscriber.forgotten": "A person asked to be forgotten: delete what you have of them",
}
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_HEADERS = {
    ID: ("The event's id: drop what comes a second time under it.", {"type": "string", "minLength": 1}),
    TIMESTAMP: ("When this attempt was made, in whole seconds since 1970.", {"type": "string", "pattern": "^[0-9]+$"}),
    SIGNATURE: (
        "`v1,` and the base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`, with the base64 behind `whsec_` of the"
        " account's `secret` as key.",
        {"type": "string", "pattern": "^v1,[A-Za-z0-9+/]+=*$"},
    ),
}
_LATER = "Relais tries again, later and later: the notices wait, and nothing is lost. Redirects are not followed."


def webhooks() -> dict[str, Any]:
    """Returns a path item for each type of notice."""
    return {type: {"post": _operation(type)} for type in get_args(NoticeType)}


def _operation(type: NoticeType) -> dict[str, Any]:
    headers = [
        {"in": "header", "name": name, "required": True, "description": description, "schema": schema}
        for name, (description, schema) in _HEADERS.items()
    ]
    return {
        "tags": ["Webhooks"],
        "operationId": type.replace(".", "_"),
        "summary": _SUMMARIES[type],
        "description": "What Relais posts to the `url` of an account, signed as Standard Webhooks have it.",
        "parameters": headers,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": notice_schema(type), "example": _example(type)}},
        },
        "responses": _responses(type),
    }


def _responses(type: NoticeType) -> dict[str, Any]:
    """Returns what each answer of the back end means."""
    refused = (
        "The notice is refused for good."
        if type == "subscriber.signed_up"
        else "The notice is refused. Relais tries again by itself, and pauses nobody."
    )
    return {
        "2XX": {"description": "The notice is taken; the body is not read."},
        **{str(status): {"description": refused} for status in REFUSED},
        **{
            str(status): {"description": f"The account is paused until its owner acts. {text}"}
            for status, text in OWNER_MUST_ACT.items()
        },
        "default": {"description": _LATER},
    }


def notice_schema(type: NoticeType) -> dict[str, Any]:
    """Returns the JSON Schema of a notice's body."""
    data = {
        "id": {"type": "string", "pattern": f"^{ID_PATTERN}$", "description": "The event's id in Relais."},
        "email": {**_TEXT, "description": "The address."},
        "form": {**_TEXT_OR_NULL, "description": "The form by which the event came, if any."},
        "list": {**_TEXT_OR_NULL, "description": "The form's list, or that of the event; null for an unsubscribe."},
        "fields": {"type": "object", "additionalProperties": _TEXT, "description": "Of a signup."},
        "occurred_at": _TIME,
        "origin": {
            **_TEXT,
            "enum": [*Door, "other"],
            "description": "How the event came in: by a form, a signed request, a queue, a mail's link, from a"
            " provider, an import, or an operator.",
        },
    }
    members = {"type": {"const": type}, "timestamp": {**_TIME, "description": "As `data.occurred_at`."}}
    return {
        "type": "object",
        "properties": {**members, "data": {"type": "object", "properties": data, "required": [*data]}},
        "required": [*members, "data"],
    }


def _example(type: NoticeType) -> dict[str, Any]:
    signup = type == "subscriber.signed_up"
    at = "2026-03-01T09:30:00Z"
    data = {
        "id": "0192d3a4-7c1e-7000-8000-5f1d2c3b4a59",
        "email": "zoe@example.com",
        "form": "footer" if signup else None,
        "list": "4781" if signup else None,
        "fields": {"prenom": "Zoé"} if signup else {},
        "occurred_at": at,
        "origin": Door.FORM.value if signup else Door.LINK.value,
    }
    return {"type": type, "timestamp": at, "data": data}
