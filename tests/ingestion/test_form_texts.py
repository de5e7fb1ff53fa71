"""Texts of forms as people, password managers and robots send them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Form, Settings
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import Event
from chalicelib.ingestion.bodies import read_submission
from chalicelib.ingestion.parse_form import signup_from_form
from tests.ingestion.test_parse_event import DIRECT, parse
from tests.ingestion.test_parse_form import REQUEST_INFO, sent


def signup(form: Form, nested: dict[str, Any] | None = None, **texts: Any) -> Event:
    return signup_from_form(form, sent(nested, **{"email": "a@example.com", **texts}), REQUEST_INFO)


def errors_of(form: Form, nested: dict[str, Any] | None = None, **texts: Any) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        signup(form, nested, **texts)
    return {error.field: error.message for error in caught.value.field_errors}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param("Zo\u000bé", "Zoé", id="field-14"),
        ("Zoé\u0000", "Zoé"),
        ("\u001b[1mZoé", "[1mZoé"),
        ("Zo\u007fé", "Zoé"),
        ("Zo\u0081é\u009f", "Zoé"),
        ("12\u0085rue", "12rue"),
        ("1 rue\r\n\tLiège", "1 rue\r\n\tLiège"),
        ("a\u2028b\u2029c", "a\u2028b\u2029c"),
        ("\u000b\u0001", None),
    ],
)
def test_field_case_14_control_characters_are_dropped(form: Form, typed: str, kept: str | None) -> None:
    assert signup(form, prenom=typed).fields == ({"prenom": kept} if kept else {})
    assert signup(form, consent__text=typed).consent == replace(signup(form).consent or _none(), text=kept)


@pytest.mark.parametrize(
    ("sent_value", "kept"),
    [
        (["wine", "cheese"], "wine,cheese"),
        ([1, True, None, "", "x"], "1,true,x"),
        ([], None),
        ([None, " "], None),
        ("Zo\u000bé", "Zoé"),
        (["Zo\u0000é"], "Zoé"),
        ("a\tb\r\n", "a\tb\r\n"),
    ],
)
def test_field_cases_10_and_14_hold_for_signed_events(settings: Settings, sent_value: Any, kept: str | None) -> None:
    event = parse({**DIRECT, "fields": {"firstname": sent_value}}, settings)
    assert event.fields == ({"firstname": kept} if kept else {})


def _none() -> Any:
    raise AssertionError("a form's signup has evidence of consent")


EMPTY_TRAPS = [
    *(pytest.param(value, id=f"field-13-{value}") for value in ("false", "0", "[]", "null")),
    *(
        '""',
        '"  "',
        '"\\t\\r\\n"',
        "[null]",
        '[""]',
        "[false, 0]",
        "{}",
        '"0"',
        '"false"',
        '"FALSE"',
        '"null"',
        '"[]"',
        '"\\u00a0"',
        '"\\u200b"',
    ),
]


@pytest.mark.parametrize("value", EMPTY_TRAPS)
def test_field_case_13_a_trap_that_says_nothing_is_empty(form: Form, value: str) -> None:
    body = f'{{"email": "a@example.com", "website": {value}}}'.encode()
    submission = read_submission({"content-type": "application/json"}, body)
    assert signup_from_form(form, submission, REQUEST_INFO).refused is None


@pytest.mark.parametrize("value", ["true", "1", '"x"', '["", "x"]', '{"a": 1}', '"00"', '"no"', "[[1]]", "-1"])
def test_a_trap_that_says_something_is_filled(form: Form, value: str) -> None:
    body = f'{{"email": "a@example.com", "website": {value}}}'.encode()
    submission = read_submission({"content-type": "application/json"}, body)
    assert signup_from_form(form, submission, REQUEST_INFO).refused == "trap"


@pytest.mark.parametrize("trap", [{}, {"website": "filled"}])
@pytest.mark.parametrize(
    "prenom",
    [
        pytest.param("x" * 65_000, id="hostile-4"),
        "x" * 501,
        "é" * 501,
        "😀" * 501,
        "\u0001" + "x" * 501,
        " " * 500 + "x",
        ("x" * 250, "y" * 250),
    ],
)
def test_hostile_4_a_field_has_at_most_500_characters_trapped_or_not(form: Form, prenom: Any, trap: Any) -> None:
    assert errors_of(form, prenom=prenom, **trap) == {"prenom": "must have at most 500 characters"}


def test_a_field_may_be_as_long_as_its_form_says(form: Form) -> None:
    assert signup(form, prenom="😀" * 500).fields == {"prenom": "😀" * 500}
    assert signup(form, prenom="\u0001" * 9 + "x" * 500).fields == {"prenom": "x" * 500}
    assert signup(form, other="x" * 60_000).fields == {}, "a field that the form does not map"
    assert signup(replace(form, field_length=3), prenom="Zoé").fields == {"prenom": "Zoé"}
    assert errors_of(replace(form, field_length=3), prenom="Zoë!") == {"prenom": "must have at most 3 characters"}
    trapped = errors_of(form, prenom="x" * 501, website="x", email="nobody")
    assert trapped == {"prenom": "must have at most 500 characters"}, "a robot learns nothing else"


@pytest.mark.parametrize("trap", [{}, {"website": "filled"}])
def test_stated_consent_has_at_most_2000_characters(form: Form, trap: dict[str, str]) -> None:
    long = "x" * 2001
    for name in ("source", "text"):
        expected = {f"consent.{name}": "must have at most 2,000 characters"}
        assert errors_of(form, {"consent": {name: long}}, **trap) == expected
        assert errors_of(form, **{f"consent__{name}": long}, **trap) == expected
    assert signup(form, consent__wording=long * 10).refused is None, "only its digest is stored"


SPAM = [
    pytest.param('<a href="https://evil.example/x">Win', id="hostile-5"),
    "see http://evil.example",
    "HTTPS://evil.example",
    "go to www.evil.example now",
    "WWW.EVIL.EXAMPLE",
    "xhttp://evil.example",
    "Ana,www.evil.example",
    "ht\u000btp://evil.example",
    "ht\u200btps://evil.example",
    "http:\u00ad//evil.example",
    "w\ufe0fww.evil.example",
    "ｈｔｔｐ：／／evil.example",
    "ｗｗｗ．evil.example",
    "www。evil.example",
    "http:\\\\evil.example",
    "http&#58;//evil.example",
    "&lt;script&gt;alert(1)",
    "＜b＞Ana",
    "<b>Ana</b>",
    "<IMG src=x>",
    "</p>",
    "<!--",
    "<\u200bscript>",
    "Ana<br>",
]


@pytest.mark.parametrize("text", SPAM)
def test_hostile_5_a_link_or_a_tag_in_a_field_stands_refused_as_spam(form: Form, text: str) -> None:
    event = signup(form, prenom=text)
    assert (event.refused, event.email) == ("spam", "a@example.com")
    assert signup(form, interest=("wine", text)).refused == "spam"
    assert signup(form, prenom=text, website="x").refused == "trap"


HONEST = [
    "J.-P. <3",
    "a < b",
    "<",
    "5<6",
    "Ana & Ben",
    "DUPONT&LTD",
    "Awww. Merci !",
    "http",
    "www",
    "M. http",
    "http: non",
    "Jean/Marie",
    "//",
    "1/2 <-",
    "->",
    "example.com",
    "a@example.com",
    "&lt;3",
    "<é>",
    "« Léa »",
    "Sté W.W.W.",
]


@pytest.mark.parametrize("text", HONEST)
def test_what_people_type_is_no_spam(form: Form, text: str) -> None:
    assert signup(form, prenom=text).refused is None


def test_links_are_looked_for_in_mapped_fields_only(form: Form) -> None:
    link = "https://www.example.com/"
    assert signup(form, other=link, consent__source=link).refused is None
    assert signup(replace(form, allow_links=True), prenom=f"<a href={link}>").refused is None
    linked = replace(form, link_fields=frozenset({"interest"}))
    assert signup(linked, interest=link).refused is None
    assert signup(linked, interest=link, prenom=link).refused == "spam"
    assert errors_of(form, prenom=link, email="nobody").keys() == {"email"}
