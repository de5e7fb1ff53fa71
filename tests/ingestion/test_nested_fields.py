"""Fields that a form's mapping names by their place in nested data, in whatever encoding they come."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, strategies as st

from chalicelib.config.model import Form
from chalicelib.domain.errors import InvalidEvent
from chalicelib.ingestion.bodies import Submission, read_submission
from chalicelib.ingestion.parse_form import TRAP, RequestInfo, misnamed_fields, signup_from_form
from chalicelib.ingestion.spam import SPAM

REQUEST_INFO = RequestInfo(datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "203.0.113.9")
ADDRESS = ("user[email]", "a@example.com")
ANSWERS = "form_response[answers]"


def from_json(data: Any) -> Submission:
    return read_submission({"content-type": "application/json"}, json.dumps(data).encode())


def from_form(*pairs: tuple[str, str]) -> Submission:
    return read_submission({"content-type": "application/x-www-form-urlencoded"}, urlencode(pairs).encode())


def a_form(address: str, *fields: str, **others: Any) -> Form:
    mapped = {name: f"provider-{place}" for place, name in enumerate(fields)}
    return Form(name="club", account="paris", list="4781", email_field=address, fields=mapped, **others)


def signed_up(form: Form, submission: Submission) -> tuple[str, dict[str, str]]:
    event = signup_from_form(form, submission.with_places((form.email_field, form.trap, *form.fields)), REQUEST_INFO)
    return event.email, dict(event.fields)


def errors(form: Form, submission: Submission) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        signed_up(form, submission)
    return {error.field: error.message for error in caught.value.field_errors}


@pytest.mark.parametrize(
    "submission",
    [
        from_form(ADDRESS, ("user[tags][]", "x"), ("user[tags][]", "y"), ("user[on]", "true")),
        from_form(ADDRESS, ("user[tags][0]", "x"), ("user[tags][1]", "y"), ("user[on]", "true")),
        from_json({"user": {"email": "a@example.com", "tags": ["x", "y"], "on": True}}),
        from_json({"user[email]": "a@example.com", "user[tags]": ["x", "y"], "user[on]": True}),
    ],
)  # fmt: skip
def test_a_place_is_the_same_in_every_encoding(submission: Submission) -> None:
    form = a_form("user[email]", "user[tags]", "user[on]")
    assert signed_up(form, submission) == ("a@example.com", {"user[tags]": "x,y", "user[on]": "true"})


def test_a_field_sent_under_the_name_itself_counts_before_its_place() -> None:
    both = from_json({"user[email]": "flat@example.com", "user": {"email": "nested@example.com"}})
    assert signed_up(a_form("user[email]"), both)[0] == "flat@example.com"
    empty = from_json({"user[email]": "", "user": {"email": "nested@example.com"}})
    assert errors(a_form("user[email]"), empty) == {"user[email]": "must be an e-mail address"}


def test_numbers_come_as_they_were_written() -> None:
    sent = read_submission({}, b'{"user": {"email": "a@example.com", "zip": [1000, 1.50]}}')
    assert signed_up(a_form("user[email]", "user[zip]"), sent)[1] == {"user[zip]": "1000,1.50"}


def test_errors_name_the_field_as_the_form_does() -> None:
    address, name = f"{ANSWERS}[field.ref=email][email]", f"{ANSWERS}[field.ref=name][text]"
    form = a_form(address, name, required=frozenset({name}))
    answers = [{"field": {"ref": "email"}, "email": "no address"}]
    assert errors(form, from_json({"form_response": {"answers": answers}})) == {
        address: "must contain exactly one @",
        name: "must not be empty",
    }
    answers = [{"field": {"ref": "email"}, "email": {}}, {"field": {"ref": "name"}, "text": {"deep": "er"}}]
    assert errors(form, from_json({"form_response": {"answers": answers}})) == {
        address: "must be an e-mail address",  # PHP's empty object is an empty array
        name: "must be a text, a number, a boolean or an array of them",
    }


def test_two_answers_to_one_selection_are_a_repeated_field() -> None:
    form = a_form("data[fields][label=Mail][value]", "data[fields][label=Name][value]")
    fields = [{"label": "Name", "value": "Zoé"}, {"label": "Name", "value": "Anne"}]
    mail = [{"label": "Mail", "value": address} for address in ("a@example.com", "A@example.com")]
    assert signed_up(form, from_json({"data": {"fields": fields + mail}})) == (
        "a@example.com",
        {"data[fields][label=Name][value]": "Zoé,Anne"},
    )
    mail[1]["value"] = "b@example.com"
    assert errors(form, from_json({"data": {"fields": mail}})) == {form.email_field: "must be given only once"}


def test_the_trap_and_links_are_found_at_their_places() -> None:
    form = a_form("user[email]", "user[name]", "user[site]", trap="user[url]", link_fields=frozenset({"user[site]"}))
    names = (form.email_field, form.trap, *form.fields)

    def refused(**user: Any) -> str | None:
        sent = from_json({"user": {"email": "a@example.com", **user}})
        return signup_from_form(form, sent.with_places(names), REQUEST_INFO).refused

    assert refused(url="https://example.com") == refused(url={"any": "thing"}) == TRAP
    assert refused(url=False) is refused(url=[]) is refused() is None
    assert refused(name="www.example.com") == SPAM
    assert refused(site="www.example.com") is None


@pytest.mark.parametrize(
    ("form", "sent", "misnamed"),
    [
        (a_form("user[email]"), {"user": {"mail": "a"}}, {"user[email]": "user[mail]"}),
        (a_form("user[email]"), {"usr": {"email": "a"}}, {"user[email]": "usr[email]"}),
        (a_form("user.email"), {"user": {"email": "a"}}, {}),
        (a_form("email"), {"payload": {"data": {"Email": "a"}}}, {"email": "payload[data][Email]"}),
        (a_form("email"), {"e-mail": "a"}, {"email": "e-mail"}),
        (a_form("d[n=Email][v]"), {"d": [{"n": "E-mail", "v": "a"}]}, {"d[n=Email][v]": "d[n=E-mail][v]"}),
        (a_form("d[n=Email][v]"), {"d": [{"n": "E-mail"}]}, {}),  # nothing there either
        (a_form("u[nom]", "u[prénom]"), {"u": {"nom": "a"}}, {}),
        (a_form("u[noms]", "u[nom]"), {"u": {"nom": "a"}}, {}),  # mapped to a field of its own
    ],
)  # fmt: skip
def test_an_ignored_place_that_resembles_a_missing_field_is_found(
    form: Form, sent: Any, misnamed: dict[str, str]
) -> None:
    names = (form.email_field, form.trap, *form.fields)
    assert misnamed_fields(form, from_json(sent).with_places(names)) == misnamed


names = st.text("ab[]=.0", min_size=1, max_size=8)


@given(
    st.dictionaries(names, st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2), max_size=4),
    st.lists(names, max_size=4),
)
def test_what_was_sent_flat_stays_as_it_was(sent: dict[str, Any], asked: list[str]) -> None:
    before = from_json(sent)
    after = before.with_places(asked)
    assert {name: after.texts.get(name) for name in before.texts} == before.texts
    assert after.texts.keys() - before.texts.keys() <= set(asked)
    form = a_form("address", *dict.fromkeys(asked))
    flat = replace(form, fields={name: target for name, target in form.fields.items() if name in sent})
    texts = {name: text for name, text in signed_or_refused(form, after).items() if name in sent}
    assert texts == signed_or_refused(flat, before)


def signed_or_refused(form: Form, submission: Submission) -> dict[str, str]:
    """The fields of a signup whose address is right."""
    with_address = replace(submission, texts={**submission.texts, "address": ("a@example.com",)})
    return dict(signup_from_form(replace(form, allow_links=True, trap="-"), with_address, REQUEST_INFO).fields)
