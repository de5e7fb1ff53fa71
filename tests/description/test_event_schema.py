"""The schema of events and the parser agree: what is accepted is inside, and what is inside is refused only for what no
schema can know."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from jsonschema import Draft202012Validator

from chalicelib.config.model import Form, Privacy, Settings, Source, UnsubscribeSync, Webhook
from chalicelib.config.secrets import Secret
from chalicelib.description.event_schema import EVENT_EXAMPLES, event_schema
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import EventType
from chalicelib.ingestion.parse_event import parse_event
from chalicelib.providers.account import Account
from tests.support.aws import TestAws
from tests.support.examples import examples
from tests.support.http import request
from tests.support.product import Product, settings
from tests.support.webhooks import signed

pytestmark = pytest.mark.seconds

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SECRET = "whsec_cGxhY2Vob2xkZXItb2YtdGhlLXNob3AtYW5kLWl0cy10aWxs"
CONFIGURED: dict[str, Any] = {
    "accounts": {
        name: Account(name, provider, secrets={"api_key": Secret.plain("x")})
        for name, provider in {"paris": "ediware", "lettre": "mailpartner"}.items()
    },
    "forms": {"footer": Form("footer", "paris", "4781", "email", {"prenom": "prenom"})},
    "sources": {"crm": Source("crm", "https://crm.example.com/export.csv", "paris", "4781")},
    "sync_unsubscribes": UnsubscribeSync(("lettre",), ("paris",)),
}
SETTINGS = Settings(privacy=Privacy((Secret.plain("placeholder"),)), **CONFIGURED)
SCHEMA = Draft202012Validator(event_schema())
UNKNOWABLE = re.compile(
    r"is not a configured (?:account|form|source)|must name configured accounts(?: only)?"
    r"|names an account whose provider .*"
    r"|is for another account or list.*|must not be more than 5 minutes ahead|is not a valid e-mail address"
    r"|must have at most 254 characters|must be at most \d+ KB|must have something on both sides of the @"
)


def mistakes(data: Any) -> list[str] | None:
    """Why an event is refused; None: it is accepted."""
    try:
        parse_event(data, SETTINGS, default_id="given", default_occurred_at=NOW, accepted_at=NOW)
    except InvalidEvent as error:
        return [each.message for each in error.field_errors]
    return None


def check(data: Any) -> None:
    """Fails if parser and schema do not agree."""
    refused, inside = mistakes(data), SCHEMA.is_valid(data)
    if refused is None:
        assert inside, ("accepted, but outside of the schema", data)
    elif inside:
        assert all(map(UNKNOWABLE.fullmatch, refused)), ("refused, but inside of the schema", data, refused)


@pytest.mark.parametrize("name", EVENT_EXAMPLES)
def test_an_example_is_accepted_when_it_is_sent(resources: TestAws, name: str) -> None:
    shop = Webhook("shop", (Secret.plain(SECRET),), types=frozenset(EventType))
    product = Product(settings(**CONFIGURED, webhooks={"shop": shop}), providers={})
    now, body = product.clock(), json.dumps(EVENT_EXAMPLES[name])
    answer = request(product.container, "POST", "/events", signed(body, "msg-1", now, SECRET), body)
    assert (answer.status, answer.json.get("rejected")) == (202, [])


SIGNUP = {"type": "signup", "form": "footer", "email": "zoe@example.com"}
DIRECT = {"type": "signup", "account": "paris", "list": "4781", "email": "zoe@example.com"}
LEAVE = {"type": "unsubscribe", "email": "zoe@example.com"}
CONTACTS = {
    "type": "sync",
    "kind": "contacts",
    "account": "paris",
    "list": 4781,
    "contacts": [{"email": "a@b.example"}],
}
SOURCE = {"type": "sync", "kind": "contacts", "source": "crm"}
UNSUBSCRIBES = {"type": "sync", "kind": "unsubscribes"}
EVENTS = (SIGNUP, DIRECT, LEAVE, CONTACTS, SOURCE, UNSUBSCRIBES)


@pytest.mark.parametrize(
    "event",
    [
        *EVENTS,
        SIGNUP | {"id": None, "occurred_at": None, "fields": None, "consent": None, "account": None, "list": None},
        SIGNUP | {"fields": [], "consent": []},
        SIGNUP | {"fields": {"prenom": ["a", None, 1, True], "unmapped": {"x": [1]}}, "unknown": {}},
        SIGNUP | {"consent": "yes"},
        SIGNUP | {"consent": {"ip": "nowhere", "at": 5, "wording_sha256": "x"}},
        SIGNUP | {"occurred_at": "2026-03-01T09:30+01:00"},
        SIGNUP | {"occurred_at": "2024-02-29t23:59:60.999999z"},
        SIGNUP | {"email": "\u200b Zoé@exämple.com\u00a0"},
        SIGNUP | {"account": "paris", "list": 4781},
        DIRECT | {"list": 4781, "fields": {"prenom": 5, "nom": False, "goûts": ["a", "b"]}},
        LEAVE | {"accounts": ["paris", "gone", 7, None], "scope": "global"},
        LEAVE | {"email": "mailto:zoe%40example.com"},
        LEAVE | {"email": "anna@home <zoe@example.com>."},
        LEAVE | {"email": "MAILTO:zoe@example.com?subject=a@b"},
        LEAVE | {"email": "'zoe @example.com';"},
        LEAVE | {"form": 5, "fields": 7},
        UNSUBSCRIBES | {"from": None, "to": ["paris"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_accepted_is_inside(event: dict[str, Any]) -> None:
    assert (mistakes(event), [error.message for error in SCHEMA.iter_errors(event)]) == (None, [])


@pytest.mark.parametrize(
    "event",
    [
        *({**event, "type": wrong} for event in EVENTS for wrong in (None, "Signup", "forget", 5)),
        *({**event, "id": wrong} for event in EVENTS for wrong in ("", "a b", "x" * 129, 5, "é")),
        *(
            {**event, "occurred_at": wrong}
            for event in (SIGNUP, SOURCE)
            for wrong in ("2026-02-29T00:00Z", "2026-03-01", "2026-03-01T09:30:00", "2026-03-01 09:30:00Z", 1, "", "x")
        ),
        *(event | {"email": wrong} for event in (SIGNUP, DIRECT, LEAVE) for wrong in (None, "", " ", "zoe", 5, ["a"])),
        *(SIGNUP | {"email": wrong} for wrong in ("a@b@example.com", "zoe@exa\u0007mple.com", "@example.com", "zoe@ ")),
        *(SIGNUP | {"form": wrong} for wrong in (None, "", 5, " ")),
        *(SIGNUP | {"fields": wrong} for wrong in ("x", 5, [1])),
        *(DIRECT | {"list": wrong} for wrong in (None, "", 1.5, True, [])),
        *(DIRECT | {"account": wrong} for wrong in (None, "", 5)),
        *(DIRECT | {"fields": wrong} for wrong in ({"prenom": {"a": 1}}, {"": "x"}, {"x" * 201: "y"}, {"a": [[1]]})),
        *(LEAVE | {"accounts": wrong} for wrong in ([], "paris", [5], {})),
        *(LEAVE | {"scope": wrong} for wrong in ("all", 5, "")),
        *(CONTACTS | {"contacts": wrong} for wrong in (None, [], [5], [[]], [{"a": {}}], [{"email": "a"}] * 1001)),
        *(CONTACTS | {"kind": wrong} for wrong in (None, "people", 5)),
        CONTACTS | {"source": "crm"},
        SOURCE | {"account": 5},
        *(UNSUBSCRIBES | {"from": wrong} for wrong in ([], "lettre", [5])),
        *(None, [], "signup", 5),
    ],
    ids=lambda event: str(event)[:80],
)  # fmt: skip
def test_what_is_malformed_is_refused_and_outside(event: Any) -> None:
    assert mistakes(event) is not None
    assert not SCHEMA.is_valid(event)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
usual = st.sampled_from(
    [
        *(
            "signup",
            "unsubscribe",
            "sync",
            "contacts",
            "unsubscribes",
            "footer",
            "paris",
            "lettre",
            "crm",
            "4781",
            4781,
        ),
        *(
            "account",
            "global",
            "2026-03-01T09:30Z",
            "2026-02-30T09:30:00Z",
            "zoe@example.com",
            "<zoe@example.com>",
            "@",
            " ",
        ),
        *([], {}, ["paris"], ["gone", 5], {"prenom": "Zoé"}, {"prenom": ["a", 1]}, {"": 1}, [{"email": "a@b.example"}]),
    ]
)
names = st.sampled_from(
    [
        *("type", "id", "occurred_at", "form", "account", "list", "email", "fields", "consent", "accounts", "scope"),
        *("kind", "from", "to", "source", "contacts", "other"),
    ]
)
nearly = st.builds(
    lambda right, wrong: {**right, **wrong},
    st.sampled_from(EVENTS),
    st.dictionaries(names, usual | anything, max_size=3),
)


@given(nearly | anything)
@hypothesis_settings(max_examples=examples(300))
def test_parser_and_schema_agree_on_any_event(event: Any) -> None:
    check(event)


texts = st.text(alphabet="aZ0@ .,;<>\"'\\%4:mailtoé\u200b\t\n\u0007＠", max_size=14)
addresses = texts | st.builds(lambda before, after: f"{before}zoe@example.com{after}", texts, texts)


@given(addresses, st.sampled_from([SIGNUP, LEAVE]))
@hypothesis_settings(max_examples=examples(300))
def test_an_address_that_is_accepted_is_inside(address: str, event: dict[str, Any]) -> None:
    changed = {**event, "email": address}
    assert mistakes(changed) is not None or SCHEMA.is_valid(changed)
