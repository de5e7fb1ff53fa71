"""Describes the operations of programs and visitors: forms, links, events, statistics, the service itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..domain.webhook_signature import ID, SIGNATURE, TIMESTAMP
from ..providers import registry
from ..web.session import COOKIE
from .bodies import events_body, form_body, one_click_body
from .json_schema import Schema, ref
from .responses import CSV, JSON, PAGE_HEADERS, Family, answer, error_answer, errors, page

ADMIN: tuple[dict[str, list[str]], ...] = ({"adminKey": []}, {"session": []})
SIGNED: tuple[dict[str, list[str]], ...] = ({"webhookId": [], "webhookTimestamp": [], "webhookSignature": []},)
SECURITY_SCHEMES: dict[str, Schema] = {
    "adminKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `admin_key` of `[api]`. Wrong keys are counted by network address: after ten of them in ten"
        " minutes the next get 429, and the right one still passes.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A session that the login of the dashboard began. It does not count beside `Authorization`.",
    },
    "webhookId": {
        "type": "apiKey",
        "in": "header",
        "name": ID,
        "description": "Standard Webhooks: names the request. An event without an id gets one from it.",
    },
    "webhookTimestamp": {
        "type": "apiKey",
        "in": "header",
        "name": TIMESTAMP,
        "description": "Standard Webhooks: whole seconds since 1970, at most five minutes off.",
    },
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE,
        "description": "Standard Webhooks: `v1,` and the base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`, with the"
        " base64 behind `whsec_` of a configured secret as key; several are separated by spaces.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is known of an operation besides its route. Without a summary it has the first sentence of its view."""

    tag: str
    responses: Mapping[str, Schema]
    summary: str = ""
    description: str = ""
    parameters: Sequence[str] = ()
    body: Schema | None = None
    security: Sequence[dict[str, list[str]]] = ()
    family: Family = Family.API
    options: Mapping[str, Schema] = field(default_factory=dict)
    """The answers to OPTIONS of its path, where they are not the usual ones."""


def _json(schema: str, example: Any = None) -> dict[str, Schema]:
    return {JSON: {"schema": ref(schema), **({} if example is None else {"example": example})}}


_EVENT_ID = "01a20065-cf7a-7ddb-8b8b-f5ed0f491544"
_AT = "2026-03-01T09:30:00Z"
_DELIVERY = {
    "account": "paris",
    "status": "delivered",
    "attempts": 1,
    "reason": None,
    "reason_code": None,
    "unknown_outcome": False,
    "next_attempt_at": None,
    "updated_at": "2026-03-01T09:30:04Z",
}
_EVENT = {
    "id": _EVENT_ID,
    "type": "signup",
    "status": "delivered",
    "occurred_at": _AT,
    "accepted_at": _AT,
    "deliveries": [_DELIVERY],
    "notes": [],
    "errors": [],
}
_PARKED = {
    **_EVENT,
    "status": "parked",
    "deliveries": [
        _DELIVERY
        | {"status": "parked", "attempts": 3, "reason_code": "outcome_unknown", "unknown_outcome": True}
        | {"reason": "list_insert: no answer within 20 seconds"}
    ],
}
_CAMPAIGN = {
    "account": "paris",
    "provider": registry.names()[0],
    "campaign": "5312",
    "name": "Mars",
    "subject": "Vos rendez-vous",
    "sent_at": "2026-03-01T07:29:30Z",
    "taken_at": "2026-03-01T09:30:09Z",
    "sent": 12480,
    "delivered": None,
    "opens": 577,
    "unique_opens": 406,
    "clicks": 93,
    "unique_clicks": 68,
    "hard_bounces": 11,
    "soft_bounces": 7,
    "unsubscribes": 5,
}
_FORM_DAY = {
    "form": "footer",
    "day": "2026-03-01",
    "accepted": 12,
    "unconfirmed": 0,
    "delivered": 11,
    "refused": 0,
    "trapped": 1,
    "quarantined": 0,
    "unsubscribes": 2,
}
_TO_EVENT = {
    "event": {
        "operationId": "show_event",
        "parameters": {"id": "$response.body#/id"},
        "description": "What became of it.",
    }
}
_PREFLIGHT = answer(
    "The page may post: the methods and headers that its script may use.",
    family=Family.FORM,
    more_headers=(
        *("allow", "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"),
    ),
)
_FORM_OPTIONS = {"204": _PREFLIGHT, **errors(403, 404, 429, 503, family=Family.FORM)}


def _posted_form(word: str, example: dict[str, Any], *parameters: str) -> Operation:
    return Operation(
        tag="Forms",
        description="A script gets 202. A browser's form, which prefers HTML, is sent to the form's"
        f" `{'redirect' if word == 'signup' else 'redirect_unsubscribe'}`, or gets a page where none is set. A page of"
        " another site may post if its `Origin` is among the form's `origins`.",
        parameters=(*parameters, "embed"),
        body=form_body(example),
        family=Family.FORM,
        responses={
            "200": page("A browser's form: the page that says it is done.", family=Family.FORM),
            "202": answer(
                f"The {word} is stored.",
                _json("Accepted", {"id": _EVENT_ID, "status": "accepted"}),
                family=Family.FORM,
                links=_TO_EVENT,
            ),
            "303": answer("A browser's form: it is done.", family=Family.FORM, more_headers=("location",)),
            **errors(400, 403, 404, 409, 413, 415, 422, 429, 503, family=Family.FORM),
        },
        options=_FORM_OPTIONS,
    )


FORMS: dict[tuple[str, str], Operation] = {
    ("GET", "/forms/{form}"): Operation(
        tag="Forms",
        parameters=("embed",),
        responses={"200": page("The page."), **errors(404, 429, 503)},
    ),
    ("GET", "/forms/{form}/challenge"): Operation(
        tag="Forms",
        summary="Returns a new ALTCHA challenge and a signed time",
        description="404 also where no `[unsubscribe] keys` are configured, which sign challenges.",
        family=Family.FORM,
        responses={
            "200": answer("The challenge.", _json("Challenge"), family=Family.FORM),
            **errors(403, 404, 429, 503, family=Family.FORM),
        },
        options=_FORM_OPTIONS,
    ),
    ("POST", "/forms/{form}/signup"): _posted_form(
        "signup", {"email": "zoe@example.com", "prenom": "Zoé"}, "idempotency_key"
    ),
    ("POST", "/forms/{form}/unsubscribe"): _posted_form("unsubscribe", {"email": "zoe@example.com"}, "idempotency_key"),
}
LINKS: dict[tuple[str, str], Operation] = {
    ("GET", "/unsubscribe/{token}"): Operation(
        tag="Links",
        summary="Shows a page with one button; changes nothing",
        family=Family.LINK,
        responses={"200": page("The page.", family=Family.LINK), **errors(404, 503, family=Family.LINK)},
        options={"204": answer("The methods of the path.", family=Family.LINK, more_headers=("allow",))}
        | errors(404, 503, family=Family.LINK),
    ),
    ("POST", "/unsubscribe/{token}"): Operation(
        tag="Links",
        summary="Unsubscribes the person from every account (RFC 8058, one-click)",
        body=one_click_body(),
        family=Family.LINK,
        responses={"200": page("It is done.", family=Family.LINK), **errors(404, 413, 503, family=Family.LINK)},
    ),
    ("GET", "/confirm/{token}"): Operation(
        tag="Links",
        summary="Shows a page with one button; changes nothing",
        family=Family.LINK,
        responses={"200": page("The page.", family=Family.LINK), **errors(404, 410, 429, 503, family=Family.LINK)},
        options={"204": answer("The methods of the path.", family=Family.LINK, more_headers=("allow",))}
        | errors(404, 503, family=Family.LINK),
    ),
    ("POST", "/confirm/{token}"): Operation(
        tag="Links",
        summary="Confirms the signup (double opt-in)",
        description="Confirmed twice is as good as once.",
        family=Family.LINK,
        responses={
            "200": page("The signup is confirmed.", family=Family.LINK),
            **errors(404, 410, 413, 429, 503, family=Family.LINK),
        },
    ),
}
EVENTS: dict[tuple[str, str], Operation] = {
    ("POST", "/events"): Operation(
        tag="Events",
        description="The body is signed as Standard Webhooks have it. 202 once an event is stored, with the decision on"
        " each; repeating a request with the same ids is safe. 409: a single event whose id has other content.",
        body=events_body(),
        security=SIGNED,
        responses={
            "202": answer(
                "At least one event is stored.",
                _json(
                    "EventsAccepted",
                    {
                        "accepted": 1,
                        "events": [{"index": 0, "id": "order-4711.signup"}],
                        "rejected": [{"index": 1, "errors": [{"field": "email", "message": "is required"}]}],
                    },
                ),
                links={
                    "event": {
                        "operationId": "show_event",
                        "parameters": {"id": "$response.body#/events/0/id"},
                        "description": "What became of the first one.",
                    }
                },
            ),
            **errors(400, 401, 409, 413, 415),
            "422": error_answer(
                "422", "No event can be accepted; `rejected` and `errors` say why.", Family.API, "EventsProblem"
            ),
            **errors(429, 503),
        },
    ),
    ("GET", "/events"): Operation(
        tag="Events",
        description="Refusals as `trap` and `spam` are left out.",
        parameters=("status", "of_account", "of_form", "accepted_since", "events_limit", "cursor"),
        security=ADMIN,
        responses={
            "200": answer(
                "A page of events. It may be short, even empty, and still have a cursor.",
                _json("EventList", {"events": [_PARKED], "cursor": None}),
                links={
                    "event": {
                        "operationId": "show_event",
                        "parameters": {"id": "$response.body#/events/0/id"},
                    },
                    "next": {"operationId": "list_events", "parameters": {"cursor": "$response.body#/cursor"}},
                },
            ),
            **errors(401, 403, 422, 429, 503),
        },
    ),
    ("GET", "/events/{id}"): Operation(
        tag="Events",
        security=ADMIN,
        responses={
            "200": answer("The event.", _json("EventStatus", _EVENT)),
            **errors(401, 403, 404, 429, 503),
        },
    ),
}
_CSV = {CSV: {"schema": {"type": "string", "description": "UTF-8 with a byte order mark, for spreadsheets."}}}
STATISTICS: dict[tuple[str, str], Operation] = {
    ("GET", "/stats/campaigns"): Operation(
        tag="Statistics",
        parameters=("of_account", "sent_since", "sent_until", "campaigns_limit", "cursor", "format"),
        security=ADMIN,
        responses={
            "200": answer(
                "A page of campaigns, each as its newest snapshot.",
                _json("CampaignList", {"campaigns": [_CAMPAIGN], "cursor": None}) | _CSV,
                more_headers=("content-disposition", "link"),
                links={
                    "history": {
                        "operationId": "show_campaign",
                        "parameters": {
                            "account": "$response.body#/campaigns/0/account",
                            "campaign": "$response.body#/campaigns/0/campaign",
                        },
                    },
                    "next": {"operationId": "list_campaigns", "parameters": {"cursor": "$response.body#/cursor"}},
                },
            ),
            **errors(401, 403, 422, 429, 503),
        },
    ),
    ("GET", "/stats/campaigns/{account}/{campaign}"): Operation(
        tag="Statistics",
        parameters=("format",),
        security=ADMIN,
        responses={
            "200": answer(
                "The campaign with all its snapshots.",
                _json("CampaignHistory", {"campaign": _CAMPAIGN, "snapshots": [_CAMPAIGN]}) | _CSV,
                more_headers=("content-disposition",),
            ),
            **errors(401, 403, 404, 422, 429, 503),
        },
    ),
    ("GET", "/stats/forms"): Operation(
        tag="Statistics",
        parameters=("of_form", "day_since", "day_until", "format"),
        security=ADMIN,
        responses={
            "200": answer(
                "The days, without those on which nothing came.",
                _json("FormDayList", {"forms": [_FORM_DAY]}) | _CSV,
                more_headers=("content-disposition",),
            ),
            **errors(401, 403, 422, 429, 503),
        },
    ),
}
_DOCUMENT: Schema = {"type": "object", "required": ["openapi", "info", "paths", "components", "webhooks"]}
SERVICE: dict[tuple[str, str], Operation] = {
    ("GET", "/healthz"): Operation(
        tag="Service",
        responses={
            "200": answer("It answers.", _json("Health", {"status": "ok", "version": "0.1.0"})),
            **errors(429, 500, 503),
        },
    ),
    ("GET", "/openapi.json"): Operation(
        tag="Service",
        parameters=("if_none_match",),
        description="It needs no key, and names no account, form or list. Pages of any site may read it.",
        responses={
            "200": answer(
                "This document.",
                {JSON: {"schema": _DOCUMENT}},
                more_headers=("etag", "access-control-allow-origin"),
            ),
            "304": answer("The client has it.", more_headers=("etag", "access-control-allow-origin")),
            **errors(429, 503),
        },
    ),
    ("GET", "/docs"): Operation(
        tag="Service",
        parameters=("if_none_match",),
        description="In English. It needs no key, and loads nothing.",
        responses={
            "200": page("The page.", more_headers=("etag",)),
            "304": answer("The browser has it.", more_headers=("etag", *PAGE_HEADERS)),
            **errors(429, 503),
        },
    ),
}
OPERATIONS: dict[tuple[str, str], Operation] = {**FORMS, **LINKS, **EVENTS, **STATISTICS, **SERVICE}
