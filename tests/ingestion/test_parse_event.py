"""Events of queues and webhooks: what is read, and every error with its field."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from chalicelib.config.model import Privacy, Settings
from chalicelib.domain import strict_json
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import Consent, Event, EventType
from chalicelib.ingestion.parse_event import parse_event, refused_event
from tests.support.examples import examples

NOW = datetime(2026, 3, 1, 9, 30, 0, 1_999, tzinfo=UTC)
KEPT = NOW.replace(microsecond=1_000)
SENT = datetime(2026, 3, 1, 9, 29, tzinfo=UTC)
SIGNUP = {"type": "signup", "form": "footer", "email": "a@example.com"}
DIRECT = {"type": "signup", "account": "paris", "list": "4781", "email": "a@example.com"}
LEAVE = {"type": "unsubscribe", "email": "a@example.com"}


def parse(data: Any, settings: Settings) -> Event:
    return parse_event(
        data,
        settings,
        default_id="given-1",
        default_occurred_at=SENT,
        accepted_at=NOW,
    )


def field_errors(data: Any, settings: Settings) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        parse(data, settings)
    return {error.field: error.message for error in caught.value.field_errors}


def test_a_complete_signup_of_a_form_is_read(settings: Settings) -> None:
    event = parse(
        {
            "type": "signup",
            "id": "0192:a",
            "occurred_at": "2026-03-01T10:00:00.5+01:00",
            "form": "footer",
            "email": " A@example.com\u00a0\t",
            "fields": {"prenom": "Zoé", "interest": None, "unmapped": {"x": 1}},
            "consent": {"source": "https://www.example.com/", "ip": "203.0.113.9", "text": "v3"},
            "unknown": 1,
            "scope": "global",
            "accounts": ["lettre"],
        },
        settings,
    )
    occurred = datetime(2026, 3, 1, 9, 0, 0, 500_000, tzinfo=UTC)
    assert event == Event(
        id="0192:a",
        type=EventType.SIGNUP,
        email="a@example.com",
        accounts=("paris",),
        occurred_at=occurred,
        accepted_at=KEPT,
        occurred_at_stated=True,
        form="footer",
        fields={"prenom": "Zoé"},
        may_lift_suppression=True,
        consent=Consent("https://www.example.com/", "v3", "203.0.113.9", occurred),
        notes=("fields.unmapped: is no field of form footer; left out",),
    )


def test_fields_that_a_form_does_not_have_are_left_out_and_noted(settings: Settings) -> None:
    unknown = {"firstname": "Zoé", "vip\u0000": [[1]], "nothing": None, "who@example.com": "x"}
    event = parse({**SIGNUP, "fields": {"prenom": "Zoé", **unknown}}, settings)
    assert event.fields == {"prenom": "Zoé"}
    left_out = "is no field of form footer; left out"
    assert event.notes == (
        f"fields.firstname: {left_out}",
        f"fields.vip\N{REPLACEMENT CHARACTER}: {left_out}",
        f"fields.…@…: {left_out}",
    )
    many = parse({**SIGNUP, "fields": {f"f{number}": "x" for number in range(11)}}, settings)
    assert many.notes == ("fields: 11 are no fields of form footer; left out",)


def test_a_forms_field_is_found_in_both_unicode_forms(settings: Settings) -> None:
    accented = replace(settings.forms["footer"], fields={"prénom": "firstname"})
    settings = replace(settings, forms={"footer": accented})
    event = parse({**SIGNUP, "fields": {"pre\u0301nom": "Zoé"}}, settings)
    assert (event.fields, event.notes) == ({"prénom": "Zoé"}, ())


def test_a_signup_of_an_account_and_list_has_provider_fields(settings: Settings) -> None:
    event = parse(
        {**DIRECT, "fields": {"firstname": "Zoé", "age": 42, "vip": True, "score": 1.5, "gone": None}}, settings
    )
    assert (event.accounts, event.list, event.form) == (("paris",), "4781", None)
    assert event.fields == {"firstname": "Zoé", "age": "42", "vip": "true", "score": "1.5"}
    assert parse({**DIRECT, "list": 4781}, settings).list == "4781"
    assert parse({**DIRECT, "list": 4781.0}, settings).list == "4781", "a whole number as JSON Schema has it"


def test_omitted_values_come_from_the_message(settings: Settings) -> None:
    event = parse({**SIGNUP, "id": None, "occurred_at": None, "consent": None, "fields": None}, settings)
    assert (event.id, event.occurred_at, event.occurred_at_stated) == ("given-1", SENT, False)
    assert (event.consent, event.fields) == (None, {})


@pytest.mark.parametrize("typed", ["Ana <mailto:A@example.com>.", "\u200bA@example.com,", '"A @example.com"'])
def test_decoration_goes_from_an_unsubscribe_and_is_invalid_in_a_signup(settings: Settings, typed: str) -> None:
    assert parse({**LEAVE, "email": typed}, settings).email == "A@example.com"
    with pytest.raises(InvalidEvent, match="email"):
        parse({"type": "signup", "form": "footer", "email": f"<{typed}>"}, settings)


def test_an_unsubscribe_without_accounts_is_for_all_accounts(settings: Settings) -> None:
    event = parse(LEAVE, settings)
    assert (event.accounts, event.all_accounts, event.scope) == (("paris", "lettre"), True, "account")


def test_an_unsubscribe_with_accounts_is_for_exactly_those_accounts(settings: Settings) -> None:
    event = parse({**LEAVE, "email": "a b@strange", "accounts": ["lettre", "lettre"], "scope": "global"}, settings)
    assert (event.accounts, event.all_accounts, event.scope) == (("lettre",), False, "global")


def test_a_target_named_twice_must_agree(settings: Settings) -> None:
    assert parse({**SIGNUP, **DIRECT}, settings).form == "footer"
    assert "another account or list" in field_errors({**SIGNUP, **DIRECT, "list": "1"}, settings)["form"]


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ([], "", "must be a JSON object"),
        ("text", "", "must be a JSON object"),
        ({"email": "a@example.com"}, "type", "is required"),
        ({**LEAVE, "type": "delete"}, "type", "must be one of"),
        ({**LEAVE, "type": ["signup"]}, "type", "must be one of"),
        ({"type": "sync", "kind": "unsubscribes"}, "from", "is required where the configuration has no"),
        ({**LEAVE, "id": "a b"}, "id", "1 to 128"),
        ({**LEAVE, "id": ""}, "id", "1 to 128"),
        ({**LEAVE, "id": 5}, "id", "1 to 128"),
        ({**LEAVE, "id": "x" * 129}, "id", "1 to 128"),
        ({**LEAVE, "occurred_at": "2026-03-01"}, "occurred_at", "RFC 3339"),
        ({**LEAVE, "occurred_at": 1772357400}, "occurred_at", "RFC 3339"),
        ({**LEAVE, "occurred_at": "2026-03-01T09:35:01Z"}, "occurred_at", "5 minutes ahead"),
        ({"type": "unsubscribe"}, "email", "is required"),
        ({**LEAVE, "email": 5}, "email", "must be a text"),
        ({**LEAVE, "email": " "}, "email", "must not be empty"),
        ({**LEAVE, "email": "a@b@c"}, "email", "exactly one @"),
        ({**SIGNUP, "email": "a b@example.com"}, "email", "not a valid e-mail address"),
        ({**LEAVE, "accounts": []}, "accounts", "at least one"),
        ({**LEAVE, "accounts": "paris"}, "accounts", "must be a list"),
        ({**LEAVE, "accounts": [1, None]}, "accounts", "configured accounts"),
        ({**LEAVE, "accounts": ["nowhere"]}, "accounts", "configured accounts"),
        ({**LEAVE, "scope": "everywhere"}, "scope", "must be one of"),
        ({"type": "signup", "email": "a@example.com"}, "form", "is required"),
        ({**SIGNUP, "form": "nowhere"}, "form", "not a configured form"),
        ({**SIGNUP, "form": {}}, "form", "must be a text"),
        ({**DIRECT, "list": None}, "list", "is required"),
        ({**DIRECT, "account": None}, "account", "is required"),
        ({**DIRECT, "account": "nowhere"}, "account", "not a configured account"),
        ({**DIRECT, "account": "lettre"}, "account", "takes no signups"),
        ({**DIRECT, "list": True}, "list", "must be a text"),
        ({**SIGNUP, "fields": [1]}, "fields", "must be a JSON object"),
        ({**SIGNUP, "fields": {"prenom": [["x"]]}}, "fields.prenom", "must be a text, number or boolean"),
        ({**DIRECT, "fields": {"firstname": {}}}, "fields.firstname", "must be a text, number or boolean"),
        ({**DIRECT, "fields": {"firstname": "\ud800"}}, "fields.firstname", "valid Unicode"),
        ({**DIRECT, "fields": {" ": "x"}}, "fields. ", "usable name"),
        ({**DIRECT, "fields": {"a@example.com": [[]]}}, "fields.…@…", "must be a text, number or boolean"),
        ({**DIRECT, "fields": {"firstname": "x" * 65_536}}, "", "at most 64 KB"),
    ],
)  # fmt: skip
def test_every_error_names_its_field(settings: Settings, data: Any, field: str, message: str) -> None:
    assert message in field_errors(data, settings)[field]


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        ({**SIGNUP, "consent": "yes"}, ["consent: must be a JSON object; left out"]),
        ({**SIGNUP, "consent": {"ip": "somewhere"}}, ["consent.ip: must be an IP address; left out"]),
        (
            {**SIGNUP, "consent": {"wording": "a", "wording_sha256": "0" * 64, "text": 5}},
            [
                "consent.wording_sha256: is not the SHA-256 of consent.wording; left out",
                "consent.text: must be a text; left out",
            ],
        ),
        ({**LEAVE, "accounts": ["old", "paris"]}, ["accounts: 'old' is not a configured account; left out"]),
        ({**LEAVE, "accounts": ["paris", None]}, ["accounts: 'null' is not a configured account; left out"]),
        ({**LEAVE, "accounts": [7, "paris"]}, ["accounts: '7' is not a configured account; left out"]),
        ({**LEAVE, "accounts": ["paris", *map(str, range(11))]}, ["accounts: 11 are not configured; left out"]),
        ({**LEAVE, "consent": "yes"}, []),
    ],
)
def test_a_note_names_its_field_and_the_flaw(settings: Settings, data: Any, notes: list[str]) -> None:
    assert list(parse(data, settings).notes) == notes


def test_five_minutes_ahead_are_tolerated(settings: Settings) -> None:
    assert parse({**LEAVE, "occurred_at": "2026-03-01T09:35:00Z"}, settings).occurred_at == KEPT.replace(
        microsecond=0
    ) + timedelta(minutes=5)


def test_an_event_of_64_kb_is_accepted(settings: Settings) -> None:
    empty = len(json.dumps({**DIRECT, "fields": {"f": ""}}, separators=(",", ":")))
    event = {**DIRECT, "fields": {"f": "x" * (65_536 - empty)}}
    assert parse(event, settings).fields["f"]
    assert list(field_errors({**DIRECT, "fields": {"f": "x" * (65_537 - empty)}}, settings)) == [""]


def test_deep_nesting_is_rejected(settings: Settings) -> None:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    assert field_errors({**SIGNUP, "fields": {"other": deep}}, settings) == {"": "must not be nested so deeply"}


def test_the_reason_of_a_refused_event_is_short(settings: Settings) -> None:
    data = {**DIRECT, "fields": {f"field{number}": {} for number in range(100)}}
    with pytest.raises(InvalidEvent) as caught:
        parse(data, settings)
    assert len(refused(data, caught.value, settings).refused or "") == 300


def test_all_errors_are_reported_at_once(settings: Settings) -> None:
    found = field_errors(
        {**DIRECT, "id": "!", "occurred_at": "?", "email": "?", "account": "?", "fields": {"a": {}}}, settings
    )
    assert list(found) == ["occurred_at", "id", "email", "account", "fields.a"]


def test_a_refused_event_stores_no_address(settings: Settings) -> None:
    data = {**DIRECT, "id": "mine", "email": "a@b@example.com", "fields": {"x@example.com": {}}}
    with pytest.raises(InvalidEvent) as caught:
        parse(data, settings)
    event = refused(data, caught.value, settings)
    assert (event.id, event.type, event.email, event.accounts) == ("mine", EventType.SIGNUP, "", ("paris",))
    assert event.refused is not None
    assert event.refused.startswith("invalid: email: must contain exactly one @; ")
    assert "example.com" not in repr(event)


@pytest.mark.parametrize(
    ("data", "kind", "accounts"),
    [
        ({**LEAVE, "accounts": ["lettre", "nowhere"]}, EventType.UNSUBSCRIBE, ("lettre",)),
        ({**LEAVE, "accounts": ["nowhere"]}, EventType.UNSUBSCRIBE, ("paris", "lettre")),
        ({"type": "sync"}, EventType.SYNC, ("paris", "lettre")),
        ({**SIGNUP, "email": None}, EventType.SIGNUP, ("paris",)),
        ([], EventType.UNSUBSCRIBE, ("paris", "lettre")),
    ],
)
def test_a_refused_event_is_visible_under_an_account(
    settings: Settings, data: Any, kind: EventType, accounts: tuple[str, ...]
) -> None:
    event = refused(data, InvalidEvent([]), settings)
    assert (event.type, event.accounts, event.id, event.accepted_at) == (kind, accounts, "given-1", KEPT)


def refused(data: Any, error: InvalidEvent, settings: Settings) -> Event:
    return refused_event(
        data,
        error,
        settings,
        default_type=EventType.UNSUBSCRIBE,
        default_id="given-1",
        default_occurred_at=SENT,
        accepted_at=NOW,
    )


values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(st.characters(exclude_categories=[]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["signup", "unsubscribe"]) | values},
    optional={
        "email": st.just("a@example.com") | values,
        "form": st.just("footer") | values,
        **dict.fromkeys(("id", "occurred_at", "account", "list", "fields", "consent", "accounts", "scope"), values),
    },
)


@pytest.mark.seconds
@hypothesis_settings(deadline=None, max_examples=examples(50))
@given(events | values)
@pytest.mark.no_cover
def test_any_input_gives_an_event_or_its_errors(data: Any) -> None:
    settings = Settings(accounts={}, privacy=Privacy(()))  # made here, as a fixture would be one for all examples
    outcome: Event | InvalidEvent
    try:
        outcome = parse(data, settings)
    except InvalidEvent as error:
        outcome = error
    if isinstance(outcome, InvalidEvent):
        assert outcome.field_errors
        assert refused(data, outcome, settings).refused


@pytest.mark.parametrize("text", ["", "[1,]", "NaN", '{"a": Infinity}', "[" * 100_000, b"\xff"])
def test_invalid_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        strict_json.load(text)


def test_json_numbers_of_any_length_are_read() -> None:
    assert strict_json.load("[1, 1.5, -0]") == [1, 1.5, 0]
    assert strict_json.load("9" * 5000) == float("inf")
