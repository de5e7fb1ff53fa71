"""Forms that map places in nested data: answers to programs, pages for visitors, log lines for operators."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import HostedPage, Settings
from chalicelib.dashboard.forms import embed_html
from tests.web.form_pages import BROWSER, SITE, Page
from tests.web.surroundings import Answer, World, ask, gateway_event, make_app, make_settings

ADDRESS = "answers[field.ref=email][email]"
JSON = {"Content-Type": "application/json"}
PATH = "/forms/footer/signup"


def settings_of(address: str, *fields: str, **others: Any) -> Settings:
    given = make_settings()
    mapped = {name: f"provider-{place}" for place, name in enumerate(fields)}
    form = replace(given.forms["footer"], email_field=address, fields=mapped, redirect=None, **others)
    return replace(given, forms={"footer": form})


def post(world: World, settings: Settings, data: Any, path: str = PATH) -> Answer:
    return ask(make_app(world, settings), gateway_event("POST", path, JSON, json.dumps(data)))


def answered(email: str) -> dict[str, Any]:
    return {"answers": [{"field": {"ref": "email"}, "email": email}]}


def test_signups_and_unsubscribes_find_the_address_at_its_place(world: World) -> None:
    settings = settings_of(ADDRESS)
    for path in (PATH, "/forms/footer/unsubscribe"):
        assert post(world, settings, answered("a@example.com"), path).status == 202
    assert [event.email for event in world.stored] == ["a@example.com"] * 2


def test_a_repeat_is_the_same_event_whatever_else_the_service_sends(world: World) -> None:
    settings = settings_of(ADDRESS)
    first, repeated = (
        post(world, settings, {**answered("a@example.com"), "event_id": attempt}) for attempt in ("one", "two")
    )
    assert first.json == repeated.json


def test_a_wrong_field_is_named_as_the_form_names_it(world: World) -> None:
    answer = post(world, settings_of(ADDRESS), answered("nobody"))
    assert answer.status == 422
    assert answer.json["errors"] == [{"field": ADDRESS, "message": "must contain exactly one @"}]


def test_an_address_that_came_at_another_place_is_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    sent = {"answers": [{"field": {"ref": "e-mail"}, "email": "a@example.com"}]}
    assert post(world, settings_of(ADDRESS), sent).status == 422
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [ignored] = [line for line in lines if line.get("message") == "form field ignored"]
    assert (ignored["sent"], ignored["mapped"]) == ("answers[field.ref=e-mail][email]", ADDRESS)
    [refused] = [line for line in lines if line.get("message") == "form request refused"]
    assert refused["wrong_fields"] == [ADDRESS]
    assert "a@example.com" not in json.dumps(lines)


def test_a_visitor_corrects_a_nested_field_and_the_others_come_along(world: World) -> None:
    settings = settings_of("user[email]", "user[prenom]", "user[tags]")
    body = "user[email]=nobody&user[prenom]=Zo%C3%A9&user[tags][]=x&user[tags][]=y"
    app = make_app(world, settings)
    answer = ask(app, gateway_event("POST", PATH, BROWSER, body))
    assert answer.status == 422
    page = Page(answer)
    assert page.sent == {
        "user[email]": ["nobody"],
        "user[prenom]": ["Zoé"],
        "user[tags]": ["x", "y"],
        "consent.source": [f"{SITE}/"],
    }


def test_a_page_calls_a_nested_field_by_its_last_part(world: World) -> None:
    form = settings_of("user[email]", "user[first_name]", required=frozenset({"user[first_name]"})).forms["footer"]
    html = embed_html(form, "https://relais.example.com", "fr", "E-mail", "OK")
    assert '<label>first_name<br><input name="user[first_name]" required>' in html
    assert '<input type="email" name="user[email]" required' in html
    page = replace(form, page=HostedPage(labels={"fr": {"user[first_name]": "Prénom"}}))
    assert '<label>Prénom<br><input name="user[first_name]"' in embed_html(page, "", "fr", "E-mail", "OK")
    app = make_app(world, replace(make_settings(), forms={"footer": form}))
    answer = ask(app, gateway_event("POST", PATH, BROWSER, "user[email]=a@example.com"))
    assert "user[first" not in Page(answer).text


def test_the_hosted_page_posts_the_names_of_the_mapping(world: World) -> None:
    labels = {"fr": {"user[prenom]": "Prénom", ADDRESS: "Courriel"}}
    settings = settings_of(ADDRESS, "user[prenom]", page=HostedPage(labels=labels))
    shown = Page(ask(make_app(world, settings), gateway_event("GET", "/forms/footer")))
    assert {ADDRESS, "user[prenom]"} <= shown.sent.keys()
