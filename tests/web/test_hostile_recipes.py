"""What the forms of docs/form-recipes.md answer to payloads that no service sends: 202, or what is wrong."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from chalicelib.config.model import Form
from chalicelib.web.gateway import Gateway
from tests.support.stack import ROOT
from tests.web.surroundings import Answer, World, ask, gateway_event, make_app, make_settings

pytestmark = pytest.mark.seconds

JSON, URLENCODED = "application/json", "application/x-www-form-urlencoded"
GUIDE = (ROOT / "docs" / "form-recipes.md").read_text(encoding="utf-8")
SECTIONS = tomllib.loads("".join(re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)))["forms"]
SAMPLES = {
    name: json.loads((ROOT / "events" / f"http_form_signup-{name}.json").read_text(encoding="utf-8"))
    for name in SECTIONS
}
TWO_ADDRESSES = ["a@example.com", "b@example.com"]
WRONG_VALUES = (None, 7, {}, [[]], {"0": {}}, TWO_ADDRESSES)
ANSWERED = {202, 400, 422}

MAIL = {"type": "email", "email": "a@example.com"}
TYPEFORM_MAIL = "form_response[answers][type=email][email]"
TYPEFORM_NAME = "form_response[answers][field.ref=prenom][text]"
TALLY_LIKES = "data[fields][key=question_like01][options][id in value][text]"
NOTHING_THERE = "must be an e-mail address"
NO_TEXT = "must be a text, a number, a boolean or an array of them"
ONCE = "must be given only once"


def recipe(name: str) -> Form:
    """The form of a recipe's section."""
    fields = dict(SECTIONS[name]["fields"])
    [address] = [field for field, target in fields.items() if target == "@email"]
    del fields[address]
    return Form(name=name, account="paris", list="4781", email_field=address, fields=fields)


@pytest.fixture
def app(world: World) -> Gateway:
    return make_app(world, replace(make_settings(), forms={name: recipe(name) for name in SECTIONS}))


def post(app: Gateway, name: str, body: str, content_type: str = JSON) -> Answer:
    return ask(app, gateway_event("POST", f"/forms/{name}/signup", {"Content-Type": content_type}, body))


def typeform(*answers: Any) -> str:
    return json.dumps({"form_response": {"answers": answers}})


def tally(*fields: Any) -> str:
    return json.dumps({"data": {"fields": [{"type": "INPUT_EMAIL", "value": "a@example.com"}, *fields]}})


def webflow(members: str) -> str:
    return f'{{"payload":{{"data":{{{members}}}}}}}'


@pytest.mark.parametrize(
    ("name", "body", "status", "errors"),
    [
        ("typeform", "[" * 40_000 + "]" * 40_000, 400, {}),
        ("typeform", '{"form_response":' * 40 + "1" + "}" * 40, 422, {TYPEFORM_MAIL: NOTHING_THERE}),
        ("typeform", "[1]", 422, {}),
        ("typeform", typeform(), 422, {TYPEFORM_MAIL: NOTHING_THERE}),
        ("typeform", typeform(MAIL, MAIL | {"email": "b@example.com"}), 422, {TYPEFORM_MAIL: ONCE}),
        ("typeform", typeform(MAIL, MAIL | {"email": "A@example.com"}), 202, {}),
        ("typeform", typeform(MAIL | {"email": TWO_ADDRESSES}), 422, {TYPEFORM_MAIL: ONCE}),
        ("typeform", typeform(MAIL | {"email": {"a": "b"}}), 422, {TYPEFORM_MAIL: NO_TEXT}),
        ("typeform", typeform(*[{}] * 1000, MAIL), 422, {TYPEFORM_MAIL: NOTHING_THERE}),
        ("typeform", typeform(*[{}] * 999, MAIL), 202, {}),
        ("typeform", typeform(MAIL, {"field": {"ref": "prenom"}, "text": [["a"]]}), 422, {TYPEFORM_NAME: NO_TEXT}),
        ("typeform", typeform(MAIL, {"field": {"ref": "prenom"}, "text": ["a", "b"]}), 202, {}),
        ("tally", tally({"key": "question_like01", "value": "x", "options": "x"}), 202, {}),
        (
            "tally",
            tally({"key": "question_like01", "value": ["1"], "options": [{"id": "1", "text": {"a": 1}}]}),
            422,
            {TALLY_LIKES: NO_TEXT},
        ),
        ("webflow", webflow('"Email":"a@example.com","Company":NaN'), 400, {}),
        ("webflow", webflow('"Email":"wrong","Email":"a@example.com"'), 202, {}),  # the last one counts
        (
            "webflow",
            webflow('"Email":"a@example.com","Company":' + "9" * 5000),
            422,
            {"payload[data][Company]": "must have at most 500 characters"},
        ),
        ("webflow", webflow(",".join(f'"k{number}":1' for number in range(5000))), 422, {}),
        ("webflow", webflow(f'"Email":"a@example.com","x":"{"y" * 102_400}"'), 413, {}),
        ("contact-form-7", json.dumps({"your-email": TWO_ADDRESSES}), 422, {"your-email": ONCE}),
    ],
)
def test_a_payload_that_no_service_sends_is_told_what_is_wrong(
    app: Gateway, world: World, name: str, body: str, status: int, errors: dict[str, str]
) -> None:
    answer = post(app, name, body)
    assert answer.status == status
    assert len(world.stored) == (status == 202)
    if errors:
        assert {error["field"]: error["message"] for error in answer.json["errors"]} == errors


@pytest.mark.parametrize(
    ("pairs", "status", "email"),
    [
        ([("user[email]", "a@example.com"), ("user" + "[x]" * 5000, "y")], 202, "a@example.com"),
        ([("user[email]", "a@example.com"), *((f"user[{n}]", "y") for n in range(5000))], 202, "a@example.com"),
        ([("user[email]", "a@example.com"), ("user[email]", "b@example.com")], 422, ""),
        ([("user[email][]", "a@example.com"), ("user[email][]", "b@example.com")], 422, ""),
        ([("user[email][0]", "a@example.com"), ("user[email][1]", "A@example.com")], 202, "a@example.com"),
        ([("user[email][0]", "a@example.com"), ("user[email][0]", "A@example.com")], 422, ""),
        ([("user[email][x]", "a@example.com")], 422, ""),
        ([("user", "x"), ("user[email]", "a@example.com")], 202, "a@example.com"),
        ([("user[email]", "a@example.com"), ("user[email][x]", "b@example.com")], 202, "a@example.com"),
        ([("user[email", "a@example.com"), ("user]email[", "b@example.com"), ("[]", "c"), ("", "d")], 422, ""),
        ([("user[email]", "a@example.com"), ("user[interets][-1]", "x")], 422, ""),
        ([("user[email]", "a@example.com"), *((f"user[interets][{n}]", "x") for n in range(600))], 422, ""),
    ],
)
def test_hostile_names_in_brackets_are_read_or_refused(
    app: Gateway, world: World, pairs: list[tuple[str, str]], status: int, email: str
) -> None:
    assert post(app, "html", urlencode(pairs), URLENCODED).status == status
    assert [event.email for event in world.stored] == ([email] if email else [])


def altered(value: Any) -> Iterator[Any]:
    """The value with each of its parts in turn, at any depth, exchanged for each of the wrong ones."""
    yield from WRONG_VALUES
    if isinstance(value, dict | list):
        for place, inner in value.items() if isinstance(value, dict) else enumerate(value):
            for other in altered(inner):
                copied = deepcopy(value)
                copied[place] = other
                yield copied


@pytest.mark.parametrize("name", ["contact-form-7", "webflow", "typeform", "tally"])
def test_a_sample_with_any_part_exchanged_is_accepted_or_refused(app: Gateway, world: World, name: str) -> None:
    sample = json.loads(SAMPLES[name]["body"])
    sample.get("form_response", {}).pop("definition", None)
    bodies = {json.dumps(body) for body in altered(sample)}
    statuses = [post(app, name, body).status for body in sorted(bodies)]
    assert set(statuses) <= ANSWERED
    assert {202, 422} <= set(statuses)
    assert all(event.email in ("zoe@example.com", "a@example.com") for event in world.stored)


@pytest.mark.parametrize("name", ["html", "form-fields", "elementor", "elementor-labels"])
def test_a_sample_with_any_name_exchanged_is_accepted_or_refused(app: Gateway, world: World, name: str) -> None:
    pairs = parse_qsl(SAMPLES[name]["body"], keep_blank_values=True)
    for place, (field, text) in enumerate(pairs):
        for other in (f"{field}[]", f"{field}[x]", f"{field}[", field.partition("[")[0], ""):
            exchanged = [*pairs[:place], (other, text), *pairs[place + 1 :]]
            assert post(app, name, urlencode(exchanged), URLENCODED).status in ANSWERED, exchanged
    assert {event.email for event in world.stored} == {"zoe@example.com"}
