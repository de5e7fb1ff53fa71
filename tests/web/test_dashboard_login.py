"""Who may see the dashboard: the admin key starts a session, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from chalicelib.config.secrets import Secret
from tests.web.surroundings import ADMIN_KEY, Answer, World, ask, event, gateway_event, make_app, make_settings

HTML = {"Accept": "text/html"}


class Browser:
    """A browser that keeps the session's cookie and follows no redirect."""

    def __init__(self, world: World, admin_key: str | None = ADMIN_KEY) -> None:
        key = Secret.plain(admin_key) if admin_key else None
        self._app = make_app(world, make_settings(admin_key=key))
        self.cookie = ""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", path, None, headers)

    def post(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        return self._send("POST", path, urlencode(fields), headers)

    def _send(self, method: str, path: str, body: str | None, headers: Mapping[str, str] | None) -> Answer:
        given = {**HTML, "Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie, **(headers or {})}
        answer = ask(self._app, gateway_event(method, path, {n: v for n, v in given.items() if v}, body))
        if "set-cookie" in answer.headers:
            morsel = SimpleCookie(answer.headers["set-cookie"])["relais_session"]
            self.cookie = f"relais_session={morsel.value}" if morsel.value else ""
        return answer

    def log_in(self, **fields: str) -> Answer:
        return self.post("/dashboard/login", key=ADMIN_KEY, **fields)


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


def test_a_browser_is_sent_to_the_login_and_back(browser: Browser) -> None:
    sent = browser.get("/dashboard/campaigns?words=lettre+du+mois&year=2025")
    assert sent.status == 303
    location = urlsplit(sent.headers["location"])
    assert location.path == "/api/dashboard/login"
    next_page = parse_qs(location.query)["next"][0]
    assert next_page == "/dashboard/campaigns?words=lettre%20du%20mois&year=2025"
    assert f'value="{next_page.replace("&", "&amp;")}"' in browser.get(f"/dashboard/login?{location.query}").body
    assert browser.log_in(next=next_page).headers["location"] == f"/api{next_page}"
    assert browser.cookie


def test_the_login_without_a_page_leads_to_the_overview(browser: Browser) -> None:
    answer = browser.log_in()
    assert (answer.status, answer.headers["location"]) == (303, "/api/dashboard")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example.com/dashboard",
        "//evil.example.com/dashboard",
        "/\\evil.example.com",
        "/dashboard\\..\\..",
        "/dashboard/../../evil",
        "/dashboardx",
        "/dashboard/\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "/events/1",
        " /dashboard",
        "/dashboard/é",
    ],
)
def test_the_login_leads_to_no_other_place(browser: Browser, wanted: str) -> None:
    assert browser.log_in(next=wanted).headers["location"] == "/api/dashboard"
    assert 'name="next"' not in browser.get(f"/dashboard/login?{urlencode({'next': wanted})}").body


@pytest.mark.parametrize("key", ["", "wrong", ADMIN_KEY[:-1], ADMIN_KEY + "x"])
def test_a_wrong_key_starts_no_session(browser: Browser, key: str) -> None:
    answer = browser.post("/dashboard/login", key=key)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="relais"')
    assert 'role="alert"' in answer.body
    assert not browser.cookie


def test_after_ten_wrong_keys_the_right_one_still_passes(browser: Browser) -> None:
    answers = [browser.post("/dashboard/login", key=f"wrong-{number}").status for number in range(12)]
    assert answers == [401] * 10 + [429] * 2
    limited = browser.post("/dashboard/login", key="wrong")
    assert int(limited.headers["retry-after"]) > 0
    assert 'role="alert"' in limited.body
    assert browser.log_in().status == 303


def test_a_program_gets_a_problem_for_wrong_keys(browser: Browser) -> None:
    answers = [browser.post("/dashboard/login", {"Accept": "*/*"}, key="wrong") for _ in range(11)]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert [answer.json["status"] for answer in answers] == [401] * 10 + [429]
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="relais"'
    assert int(answers[-1].headers["retry-after"]) > 0


def test_without_a_configured_key_nobody_gets_in(world: World) -> None:
    browser = Browser(world, admin_key=None)
    assert browser.get("/dashboard/login").status == 403
    assert browser.log_in().status == 403
    assert browser.get("/dashboard/campaigns").status == 403


def test_a_machine_is_told_what_is_missing(browser: Browser) -> None:
    answer = browser.get("/dashboard/campaigns", {"Accept": "application/json"})
    assert answer.status == 401
    assert "www-authenticate" in answer.headers
    assert browser.get("/dashboard/campaigns", {"Authorization": "Bearer wrong"}).status == 401


def test_the_cookie_opens_what_the_key_opens(browser: Browser, world: World) -> None:
    world.states["1"] = event("1", "delivered")
    assert browser.get("/events/1").status == 401
    browser.log_in()
    assert browser.get("/events/1").status == 200
    assert browser.get("/events/1", {"Authorization": "Bearer wrong"}).status == 401


def test_the_session_ends(browser: Browser, world: World) -> None:
    browser.log_in()
    world.now += timedelta(hours=12)
    assert browser.get("/events/1").status == 401


def test_logging_out_ends_the_session(browser: Browser) -> None:
    browser.log_in()
    copied = browser.cookie
    assert browser.post("/dashboard/logout").headers["location"] == "/api/dashboard/login?out=1"
    assert not browser.cookie
    browser.cookie = copied
    assert browser.get("/events/1").status == 401


def test_another_sessions_token_ends_none(browser: Browser, world: World) -> None:
    browser.log_in()
    other = Browser(world)
    other.log_in()
    mine = browser.cookie
    assert browser.post("/dashboard/logout", csrf="0" * 64).status == 403
    assert browser.post("/dashboard/logout", {"Sec-Fetch-Site": "cross-site"}, csrf="").status == 403
    assert browser.get("/events/1").status == 404
    assert browser.cookie == mine


def test_logging_out_without_a_session_changes_nothing(browser: Browser) -> None:
    answer = browser.post("/dashboard/logout")
    assert (answer.status, answer.headers["location"]) == (303, "/api/dashboard/login?out=1")
    assert 'role="status"' in browser.get("/dashboard/login?out=1").body


def test_another_sites_login_is_refused(browser: Browser) -> None:
    answer = browser.post("/dashboard/login", {"Sec-Fetch-Site": "cross-site"}, key=ADMIN_KEY)
    assert answer.status == 403
    assert not browser.cookie


@pytest.mark.parametrize(
    ("language", "title"),
    [("fr", "Se connecter à Relais"), ("nl", "Inloggen bij Relais"), ("en", "Log in to Relais")],
)
def test_the_login_speaks_the_visitors_language(browser: Browser, language: str, title: str) -> None:
    page = browser.get("/dashboard/login", {"Accept-Language": language})
    assert f"<h1>{title}</h1>" in page.body
    assert f'<html lang="{language}">' in page.body
