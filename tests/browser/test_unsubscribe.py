"""The unsubscribe page as a browser shows it, against a whole running product and the simulated providers."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.unsubscribe_links.links import Links
from local.sandbox import Control
from local.sandbox.samples import SAMPLE_UNSUBSCRIBE_KEY
from tests.browser.chromium import Browser
from tests.e2e.world import unsubscribed_at
from tests.support.stack import MovableStack, RunningStack
from tests.support.waiting import wait_for

ENTER, TAB = "\ue007", "\ue004"  # as WebDriver names them
NAME = "Association Exemple"
"""Of the sample world's organisation."""

LANGUAGES = {
    "fr-BE,fr;q=0.9,en;q=0.5": ("fr", "Se désinscrire", "Me désinscrire", "Votre désinscription est enregistrée"),
    "nl-BE,nl;q=0.9,fr;q=0.8": ("nl", "Uitschrijven", "Schrijf mij uit", "U bent uitgeschreven"),
    "en-US,en;q=0.9": ("en", "Unsubscribe", "Unsubscribe me", "You are unsubscribed"),
}
LONG = f"anna@{'.'.join(['verylonglabelofadomain' * 2] * 5)}.example.com"
RIGHT_TO_LEFT = "שלום@דוגמה.example.com"


@pytest.fixture(autouse=True)
def as_usual(browser: Browser, stack: MovableStack) -> None:
    stack.settle()  # what another test has clicked is delivered
    browser.resize(1000)
    browser.prefer("light")
    browser.speak("en")


def link(stack: RunningStack, email: str) -> str:
    return Links([Secret.plain(SAMPLE_UNSUBSCRIBE_KEY)], stack.http, os.urandom).url(email)


def stored(stack: RunningStack) -> list[Any]:
    """Everything in the ledger but the fingerprints of its keys."""
    items = stack.aws.dynamodb.scan(TableName="relais-local-ledger", ConsistentRead=True)["Items"]
    return [item for item in items if item["pk"]["S"] != "S#privacy"]


@pytest.mark.parametrize("accepted", LANGUAGES)
def test_the_page_is_in_the_visitors_language_and_changes_nothing(
    browser: Browser, stack: RunningStack, accepted: str
) -> None:
    language, title, button, _ = LANGUAGES[accepted]
    before = stored(stack), Control(stack.sandbox).calls()
    browser.speak(accepted)
    browser.open(link(stack, "anna@example.com"))
    assert browser.run("document.documentElement.lang") == language
    assert browser.driver.title == f"{title} – {NAME}"
    assert "a•••@example.com" in browser.run("document.body.innerText")
    assert "anna" not in browser.driver.page_source
    roles = browser.roles()
    assert [name for role, name in roles if role == "button"] == [button]
    assert [name for role, name in roles if role == "heading"] == [title]
    assert "main" in dict(roles)
    assert browser.complaints() == []
    assert (stored(stack), Control(stack.sandbox).calls()) == before


@pytest.mark.parametrize("accepted", LANGUAGES)
def test_one_click_unsubscribes_without_javascript(browser: Browser, stack: RunningStack, accepted: str) -> None:
    language, _, _, done = LANGUAGES[accepted]
    email = f"click-{language}@example.com"
    browser.speak(accepted)
    with browser.without_scripts():
        browser.open(link(stack, email))
        [button] = browser.all("button")
        button.click()
        wait_for(lambda: browser.driver.title == f"{done} – {NAME}")
        assert browser.texts("h1") == [done]
        assert browser.all("form") == []
    assert browser.run("document.documentElement.lang") == language
    assert browser.complaints() == []
    assert browser.driver.get_cookies() == []
    assert [item["email"]["S"] for item in stored(stack) if item.get("email", {}).get("S") == email] == [email]


def test_keyboard_only_unsubscribe_reaches_every_provider(browser: Browser, stack: RunningStack) -> None:
    person = "camille@example.com"  # addresses on lists of the samples
    browser.open(link(stack, person))
    assert not any(unsubscribed_at(stack.sandbox, person).values())
    browser.press(TAB)
    assert browser.run("document.activeElement.tagName") == "BUTTON"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert browser.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    browser.press(ENTER)
    wait_for(lambda: browser.driver.title == f"You are unsubscribed – {NAME}")
    wait_for(lambda: all(unsubscribed_at(stack.sandbox, person).values()))


@pytest.mark.parametrize("email", ["camille@example.com", LONG, RIGHT_TO_LEFT], ids=["usual", "long", "right-to-left"])
def test_the_page_fits_a_small_screen_and_a_large_font(browser: Browser, stack: RunningStack, email: str) -> None:
    browser.resize(320, 600)
    browser.open(link(stack, email))
    for _ in range(2):
        assert browser.run("document.documentElement.scrollWidth") <= 320
        assert browser.run("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollWidth))") <= 320
        browser.run("document.documentElement.style.fontSize = '200%'")
    assert browser.run("document.querySelector('bdi').innerText") == f"{email[0]}•••@{email.partition('@')[2]}"
    assert browser.run("getComputedStyle(document.querySelector('bdi')).direction") == "ltr"
    assert browser.run("document.querySelector('button').getBoundingClientRect().height") >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colour_contrast_is_sufficient(browser: Browser, stack: RunningStack, scheme: str) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: contrast of 4.5 to 1 for text, 3 to 1 for the button against its surroundings."""
    browser.prefer(scheme)
    browser.open(link(stack, "anna@example.com"))
    card, button = colour(browser, "main", "backgroundColor"), colour(browser, "button", "backgroundColor")
    assert (luminance(card) > 0.5) == (scheme == "light")
    assert contrast(colour(browser, "h1", "color"), card) >= 7
    assert contrast(colour(browser, "p", "color"), card) >= 7
    assert contrast(colour(browser, "button", "color"), button) >= 4.5
    assert contrast(button, card) >= 3


def colour(browser: Browser, selector: str, name: str) -> list[int]:
    shown = browser.run(f"getComputedStyle(document.querySelector('{selector}')).{name}")
    return [int(part) for part in re.findall(r"\d+", shown)][:3]


def luminance(colour: list[int]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[int], other: list[int]) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_a_truncated_link_shows_an_error_page(browser: Browser, stack: RunningStack) -> None:
    before = stored(stack)
    browser.speak("nl")
    browser.open(link(stack, "anna@example.com")[:-4])
    assert browser.driver.title == f"Deze link is niet geldig – {NAME}"
    assert browser.all("form") == []
    assert stored(stack) == before


def test_the_stack_log_contains_no_token(browser: Browser, stack: RunningStack) -> None:
    """The functions' log, the local gateway's and the HTTP server's are one file."""
    url = link(stack, "anna@example.com")
    for tried in (url, url[:-1]):
        browser.open(tried)
    for method in ("POST", "PUT", "HEAD"):
        stack.request(method, url.removeprefix(stack.http))
    assert '"message": "accepted"' in stack.logs
    assert url.rpartition("/")[2][:30] not in stack.logs
    assert "anna@example.com" not in stack.logs
