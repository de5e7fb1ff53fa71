"""The unsubscribe link routes: requests, answers in each language, and that no token is ever logged."""

from __future__ import annotations

import base64
import hashlib
import html
import logging
import re
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import EventType
from chalicelib.domain.ids import is_valid_id
from chalicelib.observability import logger
from chalicelib.unsubscribe_links import tokens
from chalicelib.web.gateway import Gateway
from tests.web.surroundings import (
    NOW,
    UNSUBSCRIBE_KEY,
    Answer,
    Send,
    World,
    ask,
    gateway_event,
    make_app,
    make_settings,
)

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ONE_CLICK = "List-Unsubscribe=One-Click"
MULTIPART = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
FORM = '<form method="post"><button>'


@pytest.fixture
def app(world: World) -> Gateway:
    return make_app(world, make_settings(unsubscribe_keys=(UNSUBSCRIBE_KEY,)))


def path_of(world: World, email: str = "anna@example.com") -> str:
    return world.links.url(email).removeprefix("https://relais.example.com")


def language_of(answer: Answer) -> str:
    [language] = re.findall(r'<html lang="(\w+)">', answer.body)
    assert answer.headers["content-language"] == language
    assert "accept-language" in answer.headers["vary"].lower()
    return str(language)


def test_get_shows_one_button_and_changes_nothing(send: Send, world: World) -> None:
    answer = send("GET", path_of(world), HTML)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.body.count("<form") == answer.body.count("<button") == answer.body.count(FORM) == 1
    assert "a•••@example.com" in answer.body
    assert "anna" not in answer.body
    assert world.stored == []
    head = send("HEAD", path_of(world), HTML)
    assert (head.status, head.body, world.stored) == (200, "", [])


@pytest.mark.parametrize(
    ("headers", "body", "encoded"),
    [
        ({}, None, False),
        ({"Content-Type": "application/x-www-form-urlencoded"}, ONE_CLICK, False),
        ({"Content-Type": "multipart/form-data; boundary=b"}, MULTIPART, True),
        ({"CONTENT-TYPE": "multipart/form-data; boundary=b"}, MULTIPART, False),
        ({"Content-Type": "multipart/form-data"}, "no parts", False),
        ({"Content-Type": "application/json"}, "{", False),
        ({"Content-Type": "application/octet-stream"}, "\x00", True),
        ({"Content-Type": "text/plain", "Content-Encoding": "br"}, "x" * 200_000, False),
        ({"Content-Type": "nonsense", "Origin": "null", "Cookie": "a=b"}, "", False),
        (HTML, "", False),
    ],
)
def test_post_needs_no_more_than_the_token(
    send: Send, world: World, headers: dict[str, str], body: str | None, encoded: bool
) -> None:
    sent = base64.b64encode(body.encode()).decode() if encoded and body else body
    answer = send("POST", path_of(world), headers, sent, base64=encoded)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "a•••@example.com" in answer.body
    assert "<form" not in answer.body
    assert not {"location", "set-cookie"} & set(answer.headers)
    (event,) = world.stored
    assert (event.type, event.email, event.form, event.refused) == (
        EventType.UNSUBSCRIBE,
        "anna@example.com",
        None,
        None,
    )
    assert (event.accounts, event.all_accounts, event.scope) == (("paris", "lettre"), True, "account")
    assert event.occurred_at == event.accepted_at == NOW.replace(microsecond=1_000)
    assert is_valid_id(event.id)


def test_a_link_clicked_again_is_another_event(send: Send, world: World) -> None:
    """The person may have signed up in between."""
    path = path_of(world)
    assert [send("POST", path).status for _ in range(2)] == [200, 200]
    assert len({event.id for event in world.stored}) == 2


@pytest.mark.parametrize(
    ("accept", "language", "ask_for", "said"),
    [
        ("fr-BE,fr;q=0.9,en;q=0.8", "fr", "Me désinscrire", "Votre désinscription est enregistrée"),
        ("nl-BE,nl;q=0.9,fr;q=0.8", "nl", "Schrijf mij uit", "U bent uitgeschreven"),
        ("en-GB", "en", "Unsubscribe me", "You are unsubscribed"),
        ("de", "fr", "Me désinscrire", "Votre désinscription est enregistrée"),
        (None, "fr", "Me désinscrire", "Votre désinscription est enregistrée"),
    ],
)
def test_the_pages_are_in_the_visitors_language(
    send: Send, world: World, accept: str | None, language: str, ask_for: str, said: str
) -> None:
    headers = HTML if accept is None else HTML | {"Accept-Language": accept}
    asked, done = send("GET", path_of(world), headers), send("POST", path_of(world), headers)
    assert language_of(asked) == language_of(done) == language
    assert f"<button>{ask_for}</button>" in asked.body
    assert f"<h1>{said}</h1>" in done.body


def test_an_invalid_token_is_404(send: Send, world: World) -> None:
    genuine = path_of(world)
    strange = tokens.seal("nobody", UNSUBSCRIBE_KEY.reveal(), bytes(12))
    for path in (genuine[:-1], genuine + "A", "/unsubscribe/x", "/unsubscribe/%00", f"/unsubscribe/{strange}"):
        for method in ("GET", "POST"):
            plain = send(method, path)
            assert (plain.status, plain.headers["content-type"]) == (404, "application/problem+json")
            assert path.rpartition("/")[2] not in plain.body
            page = send(method, path, HTML | {"Accept-Language": "nl"})
            assert (page.status, language_of(page)) == (404, "nl")
            assert "<h1>Deze link is niet geldig</h1>" in page.body
            assert "<form" not in page.body
    assert world.stored == []


def test_a_percent_encoded_token_is_accepted(send: Send, world: World) -> None:
    """Some mail programs do that to any letter they like."""
    start, _, token = path_of(world).rpartition("/")
    assert send("GET", f"{start}/%{ord(token[0]):02x}{token[1:]}").status == 200


@pytest.mark.parametrize("path", ["/unsubscribe", "/unsubscribe/", "/unsubscribe//", "/Unsubscribe/x"])
def test_other_paths_are_404(send: Send, world: World, path: str) -> None:
    assert send("POST", path.format(genuine=path_of(world))).status == 404
    assert world.stored == []


def test_other_methods_are_405_with_allow(send: Send, world: World) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = send(method, path_of(world))
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    options = send("OPTIONS", path_of(world))
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert world.stored == []


def test_without_a_key_the_route_is_404(world: World) -> None:
    app = make_app(world, make_settings())
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        assert ask(app, gateway_event(method, path_of(world))).status == 404
    assert world.stored == []


@pytest.mark.parametrize(
    ("language", "title"), [("fr", "Réessayez dans un instant"), ("en", "Please try again in a moment")]
)
def test_503_when_the_event_cannot_be_stored(send: Send, world: World, language: str, title: str) -> None:
    world.failure = LedgerUnavailable("DynamoDB did not answer")
    plain = send("POST", path_of(world))
    assert (plain.status, plain.headers["content-type"]) == (503, "application/problem+json")
    assert plain.headers["retry-after"] == "5"
    page = send("POST", path_of(world), HTML | {"Accept-Language": language})
    assert (page.status, page.headers["retry-after"], language_of(page)) == (503, "5", language)
    assert f"<h1>{title}</h1>" in page.body
    assert page.body.count(FORM) == 1, "the same once more"
    assert send("GET", path_of(world), HTML).status == 200, "the page itself asks nothing of the ledger"
    assert world.stored == []


def test_an_unreadable_key_is_503(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAIS_TEST_NO_SUCH_KEY", raising=False)
    path = path_of(world)
    world.links = type(world.links)([Secret("env:RELAIS_TEST_NO_SUCH_KEY")], "", bytes)
    app = make_app(world, make_settings(unsubscribe_keys=(UNSUBSCRIBE_KEY,)))
    assert ask(app, gateway_event("POST", path)).status == 503
    shown = ask(app, gateway_event("GET", path, HTML))
    assert (shown.status, '<form method="get">' in shown.body) == (503, True), "trying again does not unsubscribe"


def test_the_page_can_only_load_its_own_style(send: Send, world: World) -> None:
    forged = send("GET", "/unsubscribe/x", HTML)
    for answer in (send("GET", path_of(world), HTML), send("POST", path_of(world)), forged):
        [style] = re.findall(r"<style>(.*?)</style>", answer.body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
        assert rules == {
            "default-src": "'none'",
            "style-src": f"'sha256-{digest}'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert (answer.headers["referrer-policy"], answer.headers["x-robots-tag"]) == ("no-referrer", "noindex")
        assert not re.search(r"<script|<img|<link|style=|src=|https?:|\bon\w+=", answer.body)
    assert send("GET", "/unsubscribe/x").headers["x-robots-tag"] == "noindex"


@pytest.mark.parametrize(
    "email", ["<script>&\"'@example.com", "a@<b>&amp;.example", "{address}@{0}.example", "$title@$x"]
)
def test_an_address_is_shown_as_text(send: Send, world: World, email: str) -> None:
    for method in ("GET", "POST"):
        body = send(method, path_of(world, email), HTML).body
        [shown] = re.findall(r'<bdi dir="ltr">(.*?)</bdi>', body)
        assert html.unescape(shown) == f"{email[0]}•••@{email.partition('@')[2]}"
        assert "<" not in shown


class _Anything(logging.Handler):
    """Every record of every logger, as its message and its facts would be written anywhere."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.getMessage()} {record.__dict__}")


def test_no_token_is_in_any_log(
    send: Send, world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anything = _Anything()
    for each in (logging.getLogger(), logging.getLogger("relais")):
        monkeypatch.setattr(each, "level", logging.DEBUG)
        each.addHandler(anything)
    world_fails: list[Exception | None] = [
        None,
        LedgerUnavailable("no answer"),
        RuntimeError("POST /unsubscribe/{token}"),
    ]
    path = path_of(world)
    token = path.rpartition("/")[2]
    statuses = set[int]()
    try:
        logger.debug("the log is open")
        for tried in (path, path[:-3], path + "A"):
            for failure in world_fails:
                world.failure = type(failure)(str(failure).format(token=token)) if failure else None
                for headers in ({}, HTML):
                    for method in ("GET", "POST", "PUT", "HEAD"):
                        statuses.add(send(method, tried, headers).status)
    finally:
        for each in (logging.getLogger(), logging.getLogger("relais")):
            each.removeHandler(anything)
    assert statuses == {200, 404, 405, 500, 503}
    printed = "".join(capfd.readouterr())
    assert "the log is open" in printed
    assert "the log is open" in str(anything.seen)
    assert "RuntimeError" in printed
    for written in (printed, str([line for line in anything.seen if "RuntimeError" not in line])):
        assert token[:-3] not in written
        assert "anna@" not in written


@pytest.mark.parametrize(
    "spelt", ["/unsubscribe/{}", "%2Funsubscribe%2F{}", r"\/unsubscribe\/{}", "https://r.example/api/unsubscribe/{}?x"]
)
def test_a_link_in_a_log_line_loses_its_token(capfd: pytest.CaptureFixture[str], world: World, spelt: str) -> None:
    token = path_of(world).rpartition("/")[2]
    logger.warning("refused: %s", spelt.format(token), extra={"link": spelt.format(token)})
    printed = capfd.readouterr().out
    assert "refused" in printed
    assert token[:20] not in printed


def test_gateway_errors_log_no_token(world: World, app: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    path = path_of(world)
    broken: Any = gateway_event("POST", path) | {"requestContext": {"httpMethod": "POST"}}
    assert ask_roughly(app, broken) == 500
    assert ask_roughly(app, gateway_event("TRACE", path)) == 405
    assert path.rpartition("/")[2] not in "".join(capfd.readouterr())


def ask_roughly(app: Gateway, event: Any) -> int:
    return int(app(event, None)["statusCode"])
