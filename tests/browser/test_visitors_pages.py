"""Every page for visitors in Chromium: accessible (WCAG 2.2 AA, by axe), readable on a small screen, and quiet.

The pages are made by the routes in this process and served with their own headers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.config.model import ConsentText, HostedPage, Organisation, Settings
from chalicelib.domain.confirmation import Confirmation
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Event, EventType
from chalicelib.web.http_messages import Request
from chalicelib.web.pages.confirm import ConfirmPages
from chalicelib.web.pages.gateway import gateway_page
from tests.browser.axe import axe
from tests.browser.chromium import Browser
from tests.web.surroundings import NOW, UNSUBSCRIBE_KEY, Answer, World, ask, gateway_event, make_app, make_settings

SITE = "https://shop.example.com"
LONG = f"{'a' * 64}@{'.'.join(['verylonglabelofadomain' * 2] * 4)}.example.com"
FORM = {
    "Accept": "text/html",
    "Content-Type": "application/x-www-form-urlencoded",
    "Origin": SITE,
    "Referer": f"{SITE}/",
}
NAMES = (
    *("signed-up", "unsubscribed", "to-correct", "later", "origin", "get", "unreadable", "nothing-there"),
    *("gateway", "link", "link-done", "link-unknown", "link-later"),
    *("hosted", "hosted-framed", "hosted-to-correct", "to-confirm"),
    *("confirm", "confirmed", "confirmed-by-hand", "confirm-ended", "confirm-unknown", "confirm-later"),
)

CONSENT = ConsentText("J’accepte de recevoir la lettre, et je sais que je peux me désinscrire à tout moment.", "v3")
LANGUAGES = ("fr", "nl", "en")
HOSTED_PAGE = HostedPage(
    "Une lettre sur l’anticonstitutionnellement",
    {language: {"prenom": "Votre prénom usuel"} for language in LANGUAGES},
    dict.fromkeys(LANGUAGES, CONSENT),
)


def made(name: str, language: str) -> Answer:
    """The page of that name in a language, with a long address and a long text where it shows them."""
    world = World()
    settings = make_settings(unsubscribe_keys=(UNSUBSCRIBE_KEY,))
    settings = replace(
        settings,
        organisation=Organisation(
            "Association pour le développement", "https://asso.example", "https://asso.example/p"
        ),
        forms={**settings.forms, "footer": replace(settings.forms["footer"], redirect=None, page=HOSTED_PAGE)},
    )
    if name == "gateway":
        return Answer(429, {"content-type": "text/html; charset=utf-8"}, gateway_page(429, "Try again in a moment."))
    if name.startswith("confirm"):
        return confirmation_page(name, settings, language)
    if name == "to-confirm":
        form = replace(settings.forms["footer"], confirm="paris")
        settings = replace(settings, forms={**settings.forms, "footer": form})
    app, signup = make_app(world, settings), "/forms/footer/signup"
    link = world.links.url(LONG).removeprefix("https://relais.example.com")
    if name.endswith("later"):
        world.failure = LedgerUnavailable("down")
    fields, wrong = {"email": LONG}, {"email": "zoe@example", "prenom": "x" * 612}
    method, path, more, body = {
        "signed-up": ("POST", signup, {}, fields),
        "to-confirm": ("POST", signup, {}, fields),
        "unsubscribed": ("POST", "/forms/footer/unsubscribe", {}, fields),
        "to-correct": ("POST", signup, {}, wrong),
        "later": ("POST", signup, {}, fields),
        "origin": ("POST", signup, {"Origin": "https://a-long-name-of-another-site.example.org"}, fields),
        "get": ("GET", signup, {}, None),
        "unreadable": ("POST", signup, {"Content-Type": "application/xml"}, fields),
        "nothing-there": ("GET", "/nothing", {}, None),
        "docs": ("GET", "/docs", {}, None),
        "hosted": ("GET", "/forms/footer", {}, None),
        "hosted-framed": ("GET", "/forms/footer?embed=1", {}, None),
        "hosted-to-correct": ("POST", signup, {}, wrong | {"@hosted": language}),
        "link": ("GET", link, {}, None),
        "link-done": ("POST", link, {}, None),
        "link-unknown": ("GET", link[:-3], {}, None),
        "link-later": ("POST", link, {}, None),
    }[name]
    headers = {**FORM, **more, "Accept-Language": language}
    return ask(app, gateway_event(method, path, headers, urlencode(body) if body else None))


def confirmation_page(name: str, settings: Settings, language: str) -> Answer:
    """A page of a confirmation link, with the headers of its own."""
    pages, request = ConfirmPages(settings), Request("POST", {"accept-language": language}, {}, None)
    signup = Event(
        id="x",
        type=EventType.SIGNUP,
        email=LONG,
        accounts=("paris",),
        occurred_at=NOW,
        accepted_at=NOW,
        form="footer",
        confirmation=Confirmation(NOW, language),
    )
    page = {
        "confirm": lambda: pages.ask(request, signup),
        "confirmed": lambda: pages.done(request, signup),
        "confirmed-by-hand": lambda: pages.done(request, signup, manual_resubscription=True),
        "confirm-ended": lambda: pages.failure(request, 410),
        "confirm-unknown": lambda: pages.failure(request, 404),
        "confirm-later": lambda: pages.failure(request, 503),
    }[name]()
    return Answer(page.status, page.headers, page.body)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """`/LANGUAGE/NAME`, as 200 whatever the page's status: Chromium logs a failed request as an error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            language, _, name = self.path.strip("/").partition("/")
            page = made(name, language)
            self.send_response(200)
            for header, value in page.headers.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(page.body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def as_usual(browser: Browser) -> Iterator[None]:
    browser.resize(1000)
    yield
    browser.resize(1000)
    browser.prefer("light")


@pytest.mark.parametrize("language", ["fr", *(pytest.param(one, marks=pytest.mark.slow) for one in ("nl", "en"))])
def test_every_page_is_accessible(browser: Browser, server: str, language: str) -> None:
    found: dict[str, list[str]] = {}
    for name in NAMES:
        browser.open(f"{server}/{language}/{name}")
        assert browser.run("document.documentElement.lang") == ("fr" if name == "gateway" else language)
        assert len(browser.all("h1")) == len(browser.all("main")) == 1
        for scheme in ("light", "dark") if language == "fr" else ("light",):  # colours do not depend on the language
            browser.prefer(scheme)
            found[f"{name}, {scheme}"] = axe(browser)
        found[f"{name}, console"] = browser.complaints()
        found[f"{name}, loaded"] = browser.run("performance.getEntriesByType('resource').map((each) => each.name)")
    assert {place: faults for place, faults in found.items() if faults} == {}


def test_every_page_fits_a_small_screen_and_a_large_font(browser: Browser, server: str) -> None:
    browser.resize(320, 640)
    for name in NAMES:
        browser.open(f"{server}/fr/{name}")
        for _ in range(2):
            assert browser.run("document.documentElement.scrollWidth") <= 320, name
            browser.run("document.documentElement.style.fontSize = '200%'")


@pytest.mark.slow
def test_the_page_of_the_http_interface_is_accessible_and_quiet(browser: Browser, server: str) -> None:
    found: dict[str, list[str]] = {}
    for width, scheme in ((1200, "light"), (320, "dark")):
        browser.resize(width)
        browser.prefer(scheme)
        browser.open(f"{server}/en/docs")
        assert browser.run("document.documentElement.lang") == "en"
        assert len(browser.all("h1")) == len(browser.all("main")) == 1
        assert browser.run("document.documentElement.scrollWidth") <= width
        # One of each section: axe takes seconds for 70 that are alike.
        browser.run("document.querySelectorAll('article:nth-of-type(n+2)').forEach((each) => each.remove())")
        found[scheme] = axe(browser)
        found[f"{scheme}, console"] = browser.complaints()
        found[f"{scheme}, loaded"] = browser.run("performance.getEntriesByType('resource').map((each) => each.name)")
    assert {place: faults for place, faults in found.items() if faults} == {}


def test_axe_objects_to_what_is_wrong(browser: Browser) -> None:
    page = "<!doctype html><title>x</title><main><h1>x</h1><p style='color: %23aaa'>grey</p><input></main>"
    browser.open(f"data:text/html,{page}")
    assert {text.partition(" ")[0] for text in axe(browser)} == {"color-contrast", "html-has-lang", "label"}
