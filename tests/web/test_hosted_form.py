"""A form's own page: what it shows in which language, who may frame it, and what a browser sends from it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from chalicelib.config.model import Api, ConsentText, HostedPage, Settings
from tests.web.form_pages import BROWSER, SITE, Fields, Page, settings_with
from tests.web.surroundings import Answer, World, ask, gateway_event, make_app

OWN = "https://relais.example.com"
TEXT = "J’accepte de recevoir la lettre."
PAGE = HostedPage(
    "Notre lettre",
    {"fr": {"nom": "Nom", "prenom": "Prénom"}, "nl": {"prenom": "Voornaam"}},
    {"fr": ConsentText(TEXT, "v3"), "nl": ConsentText("Ik ga akkoord.", "v3-nl")},
)
FIELDS = {"prenom": "first", "nom": "last", "ville": "city"}
PATH = "/forms/footer"


def settings(**changes: object) -> Settings:
    form = {"fields": FIELDS, "page": PAGE, "required": frozenset({"prenom"}), **changes}
    return replace(settings_with(**form), api=Api(public_url=OWN))


def shown(world: World, configured: Settings, query: str = "", language: str = "fr") -> Answer:
    return visit(world, configured, PATH + query, None, **{"Accept-Language": language})


def visit(world: World, configured: Settings, path: str, fields: Fields | None, **headers: str) -> Answer:
    body = None if fields is None else urlencode(fields)
    method = "GET" if fields is None else "POST"
    return ask(make_app(world, configured), gateway_event(method, path, {**BROWSER, **headers}, body))


def send(world: World, configured: Settings, typed: dict[str, str], *, tick: bool = True, query: str = "") -> Answer:
    """What a browser sends once somebody has filled in the page, and the answer."""
    page = Page(shown(world, configured, query))
    action = str(page.forms[0]["action"]).removeprefix("/api")
    fields: Fields = [
        (name, typed.get(name, value))
        for name, values in page.sent.items()
        for value in values
        if tick or name != "consent.wording_sha256"
    ]
    headers = {"Origin": OWN, "Referer": f"{OWN}{PATH}?x=1", "Accept-Language": "fr"}
    return visit(world, configured, action, fields, **headers)


def test_it_shows_the_address_the_labelled_fields_and_the_consent(world: World) -> None:
    answer = shown(world, settings())
    page = Page(answer)
    assert answer.status == 200
    assert page.shown == ["website", "email", "nom", "prenom", "consent.wording_sha256"]
    assert "<h1>Notre lettre</h1>" in answer.body and TEXT in page.text
    assert "Nom (facultatif)" in " ".join(page.text.split()) and "Prénom (facultatif)" not in page.text
    assert page.sent["consent.text"] == ["v3"]
    assert page.forms == [{"method": "post", "action": "/api/forms/footer/signup", "accept-charset": "utf-8"}]
    assert "ville" not in answer.body, "it has no label"


@pytest.mark.parametrize(
    ("asked", "own", "language", "label"),
    [("nl-BE", None, "nl", "Voornaam"), ("en", None, "fr", "Prénom"), ("en", "nl", "nl", "Voornaam")],
)
def test_it_is_in_a_language_that_it_has_labels_in(
    world: World, asked: str, own: str | None, language: str, label: str
) -> None:
    answer = shown(world, settings(language=own), language=asked)
    assert answer.headers["content-language"] == language
    assert label in answer.body


def test_without_labels_it_is_the_address_alone_in_any_language(world: World) -> None:
    answer = shown(world, settings(page=HostedPage()), language="en")
    assert Page(answer).shown == ["website", "email"]
    assert "<h1>Sign up to our newsletter</h1>" in answer.body


def test_a_signup_by_it_has_the_evidence_of_consent(world: World) -> None:
    answer = send(world, settings(redirect=None), {"email": "zoe@example.com", "prenom": "Zoé"})
    assert (answer.status, answer.headers["content-language"]) == (200, "fr")
    [event] = world.stored
    assert (event.email, event.fields) == ("zoe@example.com", {"prenom": "Zoé"})
    assert event.consent is not None
    assert (event.consent.source, event.consent.text) == (f"{OWN}{PATH}", "v3")
    assert event.consent.wording_sha256 == sha256(TEXT.encode()).hexdigest()


def test_without_the_tick_nobody_is_signed_up_and_the_page_asks_for_it(world: World) -> None:
    answer = send(world, settings(), {"email": "zoe@example.com", "prenom": "Zoé"}, tick=False)
    page = Page(answer)
    assert (answer.status, world.stored) == (422, [])
    assert page.shown == ["email", "consent.wording_sha256"]
    assert TEXT in page.text and f"{TEXT.rstrip('.')}\u00a0: cochez cette case" in page.text
    assert (page.sent["prenom"], page.sent["@hosted"], page.sent["consent.text"]) == (["Zoé"], ["fr"], ["v3"])
    again = visit(world, settings(redirect=None), "/forms/footer/signup", [(n, v) for n, [v] in page.sent.items()])
    assert again.status == 200
    assert world.stored[0].consent and world.stored[0].consent.wording_sha256 == sha256(TEXT.encode()).hexdigest()


def test_a_required_field_that_is_empty_is_asked_for_at_every_door_for_forms(world: World) -> None:
    answer = send(world, settings(), {"email": "zoe@example.com"})
    page = Page(answer)
    assert (answer.status, page.shown) == (422, ["email", "prenom"])
    assert "Prénom\u00a0: remplissez ce champ." in page.text
    body = '{"email": "zoe@example.com", "prenom": " "}'
    event = gateway_event("POST", "/forms/footer/signup", {"Content-Type": "application/json"}, body)
    refused = ask(make_app(world, settings()), event)
    assert refused.json["errors"] == [{"field": "prenom", "message": "must not be empty"}]
    assert world.stored == []


def test_a_websites_own_form_is_not_asked_for_the_page_s_consent(world: World) -> None:
    answer = visit(
        world, settings(redirect=None), "/forms/footer/signup", [("email", "a@example.com"), ("prenom", "A")]
    )
    assert (answer.status, len(world.stored)) == (200, 1)


def policy(answer: Answer) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))


def test_only_listed_websites_may_frame_it_and_what_it_leads_to(world: World) -> None:
    configured = settings(redirect=None, origins=frozenset({SITE, "null", "https://a.example.com"}))
    assert policy(shown(world, configured))["frame-ancestors"] == "'none'"
    framed = shown(world, configured, "?embed=1")
    assert policy(framed)["frame-ancestors"] == f"https://a.example.com {SITE}"
    assert "Les Amis" in framed.body, "in the title"
    typed = {"email": "zoe@example.com", "prenom": "Zoé"}
    for answer in (send(world, configured, typed, query="?embed=1"), send(world, configured, {}, query="?embed=1")):
        assert policy(answer)["frame-ancestors"] == f"https://a.example.com {SITE}"
    assert policy(shown(world, settings(origins=frozenset()), "?embed=1"))["frame-ancestors"] == "'none'"


def test_a_frame_is_left_for_the_redirect(world: World) -> None:
    for redirect, target in ((None, None), ("https://www.example.com/merci", "_top")):
        page = Page(shown(world, settings(redirect=redirect), "?embed=1"))
        assert page.forms[0].get("target") == target
        assert page.forms[0]["action"] == "/api/forms/footer/signup?embed=1"
    answer = shown(world, settings(redirect="https://www.example.com/merci"))
    assert policy(answer)["form-action"] == "'self' https://www.example.com https://example.com https://*.example.com"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_there_is_none_of_an_unknown_form_and_it_is_only_read(world: World) -> None:
    assert ask(make_app(world, settings()), gateway_event("GET", "/forms/nowhere")).status == 404
    refused = ask(make_app(world, settings()), gateway_event("POST", PATH, {}, "email=a"))
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_the_trap_is_there_and_out_of_sight(world: World) -> None:
    send(world, settings(), {"email": "robot@example.com", "prenom": "R", "website": "https://spam.example"})
    assert world.stored[0].refused == "trap"
