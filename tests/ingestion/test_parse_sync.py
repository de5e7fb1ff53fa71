"""Required values of a sync, and errors of a wrong one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.config.model import Privacy, Settings, Source
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import Event, EventType, Sync
from chalicelib.ingestion.parse_event import parse_event, refused_event
from chalicelib.providers.account import Account

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SYNC = {"type": "sync", "kind": "contacts"}
CONTACTS = [{"email": "zoe@example.com", "prenom": "Zoé"}]
INLINE = {**SYNC, "account": "paris", "list": "4781", "contacts": CONTACTS}
SETTINGS = Settings(
    accounts={"paris": Account("paris", "ediware"), "lettre": Account("lettre", "mailpartner")},
    privacy=Privacy((Secret.plain("placeholder"),)),
    sources={"crm": Source("crm", "https://crm.example.com/x.csv", "paris", "4781")},
)
TIMES: Any = {"default_id": "given-1", "default_occurred_at": NOW, "accepted_at": NOW}


def parse(data: Any) -> Event:
    return parse_event(data, SETTINGS, **TIMES)


def field_errors(data: Any) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        parse(data)
    return {error.field: error.message for error in caught.value.field_errors}


def test_inline_contacts_are_read() -> None:
    event = parse({**INLINE, "list": 4781, "contacts": [{**CONTACTS[0], "age": 41, "vip": True, "ville": None}]})
    contact = {"email": "zoe@example.com", "prenom": "Zoé", "age": "41", "vip": "true"}
    assert event.sync == Sync("contacts", None, (contact,))
    assert (event.email, event.accounts, event.list) == ("", ("paris",), "4781")
    assert "zoe" not in repr(event)


@pytest.mark.parametrize("more", [{}, {"account": "paris"}, {"list": "4781"}, {"account": "paris", "list": 4781}])
def test_a_source_is_read(more: dict[str, Any]) -> None:
    event = parse({**SYNC, "source": "crm", **more})
    assert event.sync == Sync("contacts", "crm")
    assert (event.accounts, event.list) == (("paris",), "4781")


def test_control_characters_are_dropped_and_arrays_joined_as_in_other_fields() -> None:
    contacts = [{"email": "zoe@example.com", "prenom": "Z\u000boé", "tags": ["a", "b"]}]
    event = parse({**INLINE, "contacts": contacts})
    assert event.sync is not None
    assert event.sync.contacts == ({"email": "zoe@example.com", "prenom": "Zoé", "tags": "a,b"},)


def test_a_wrong_address_does_not_refuse_the_sync() -> None:
    event = parse({**INLINE, "contacts": [{"email": "nobody"}, {}]})
    assert event.sync is not None
    assert event.sync.contacts == ({"email": "nobody"}, {})


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"type": "sync"}, "kind", "is required"),
        ({"type": "sync", "kind": "people"}, "kind", "must be one of"),
        ({"type": "sync", "kind": "unsubscribes"}, "from", "is required where the configuration has no"),
        (SYNC, "source", "or account, list and contacts"),
        ({**SYNC, "source": "nowhere"}, "source", "not a configured source"),
        ({**SYNC, "source": ["crm"]}, "source", "must be a text"),
        ({**SYNC, "source": "crm", "account": "lettre"}, "source", "another account or list"),
        ({**SYNC, "source": "crm", "list": "4782"}, "source", "another account or list"),
        ({**SYNC, "source": "crm", "contacts": CONTACTS}, "contacts", "not be given with source"),
        ({**INLINE, "account": None}, "account", "is required"),
        ({**INLINE, "account": "nowhere"}, "account", "not a configured account"),
        ({**INLINE, "account": "lettre"}, "account", "takes no signups"),
        ({**INLINE, "list": None}, "list", "is required"),
        ({**INLINE, "contacts": None}, "contacts", "list of 1 to 1,000 objects"),
        ({**INLINE, "contacts": []}, "contacts", "list of 1 to 1,000 objects"),
        ({**INLINE, "contacts": {}}, "contacts", "list of 1 to 1,000 objects"),
        ({**INLINE, "contacts": [{}] * 1001}, "contacts", "list of 1 to 1,000 objects"),
        ({**INLINE, "contacts": [{}, "zoe@example.com"]}, "contacts[1]", "must be a JSON object"),
        ({**INLINE, "contacts": [{"email": [[]]}]}, "contacts[0].email", "must be a text, number or boolean"),
        ({**INLINE, "contacts": [{"nom": "\ud800"}]}, "contacts[0].nom", "valid Unicode"),
        ({**INLINE, "contacts": [{" ": "x"}]}, "contacts[0]. ", "usable name"),
    ],
)  # fmt: skip
def test_every_error_names_its_field(data: Any, field: str, message: str) -> None:
    assert message in field_errors(data)[field]


def test_contacts_can_have_256_kb_and_everything_else_64_kb() -> None:
    def sized(base: dict[str, Any], kilobytes: int) -> dict[str, Any]:
        room = kilobytes * 1024 - len(json.dumps({**base, "x": ""}, ensure_ascii=False, separators=(",", ":")).encode())
        return {**base, "x": "x" * room}

    assert parse(sized(INLINE, 256)).sync
    too_large = sized(INLINE, 256)
    too_large["x"] += "x"
    assert field_errors(too_large)[""] == "must be at most 256 KB"
    for other in ({"type": "unsubscribe", "email": "a@example.com"}, {"type": "sync", "kind": "unsubscribes"}):
        too_large = sized(other, 64)
        too_large["x"] += "x"
        assert field_errors(too_large)[""] == "must be at most 64 KB"


def test_a_refused_sync_is_stored_under_the_account_of_its_source() -> None:
    data = {**SYNC, "source": "crm", "contacts": CONTACTS}
    with pytest.raises(InvalidEvent) as caught:
        parse(data)
    event = refused_event(data, caught.value, SETTINGS, default_type=EventType.SIGNUP, **TIMES)
    assert event.accounts == ("paris",)
    assert event.refused is not None
    assert "zoe" not in event.refused
