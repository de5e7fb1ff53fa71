"""A form's own page in a browser: filled in without a script, in a frame of a listed website, and of another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.axe import axe
from tests.browser.chromium import Browser
from tests.browser.test_forms_guide import pages_of_consent, stack_with, stored
from tests.browser.website import HOSTED, SHOWING, Website
from tests.e2e.world import Ediware
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for


@pytest.fixture
def website() -> Iterator[Website]:
    website = Website()
    yield website
    website.close()


@pytest.fixture
def stack(shared_stack: SharedStack, website: Website) -> Iterator[MovableStack]:
    yield stack_with(shared_stack, website, f'["{website.url}"]', HOSTED)
    shared_stack.idle()


def sign_up(browser: Browser, email: str) -> None:
    for name, value in (("email", email), ("prenom", "Ana")):
        browser.all(f"[name={name}]")[0].send_keys(value)
    browser.all("[type=checkbox]")[0].click()
    browser.all("button")[0].click()


def test_it_needs_neither_a_website_nor_a_script(browser: Browser, stack: MovableStack, website: Website) -> None:
    browser.speak("fr")
    with browser.without_scripts():
        browser.open(f"{stack.http}/forms/footer")
        assert browser.texts("h1") == ["Notre lettre"]
        browser.all("button")[0].click()
        assert browser.driver.current_url == f"{stack.http}/forms/footer", "the browser asks for what is required"
        sign_up(browser, "ana@example.com")
        wait_for(lambda: browser.driver.current_url == f"{website.url}/merci")
    assert browser.complaints() == []
    assert stored(stack) == ["ana@example.com"]
    assert pages_of_consent(stack) == {f"{stack.http}/forms/footer"}


def test_in_a_frame_of_a_listed_website_it_leads_the_window_to_the_redirect(
    browser: Browser, stack: MovableStack, website: Website
) -> None:
    browser.open(f"{website.url}/{SHOWING}/frame")
    browser.driver.switch_to.frame(0)
    assert axe(browser) == []
    sign_up(browser, "ana@example.com")
    browser.driver.switch_to.default_content()
    wait_for(lambda: browser.driver.title == "Merci")
    assert browser.complaints() == []
    assert stored(stack) == ["ana@example.com"]


def test_without_a_redirect_the_frame_shows_what_comes_next(
    browser: Browser, shared_stack: SharedStack, website: Website
) -> None:
    stack = stack_with(shared_stack, website, f'["{website.url}"]', HOSTED, redirect=False)
    browser.speak("fr")
    browser.open(f"{website.url}/{SHOWING}/frame")
    browser.driver.switch_to.frame(0)
    sign_up(browser, "ana@example")
    wait_for(lambda: browser.texts("h1") == ["Il reste quelque chose à corriger"])
    address = browser.all("[name=email]")[0]
    address.clear()
    address.send_keys("ana@example.com")
    browser.all("button")[0].click()
    wait_for(lambda: browser.texts("h1") == ["Merci pour votre inscription"])
    browser.driver.switch_to.default_content()
    assert browser.driver.current_url == f"{website.url}/{SHOWING}/frame"
    assert stored(stack) == ["ana@example.com"]
    shared_stack.idle()


def test_its_script_solves_the_challenge(browser: Browser, shared_stack: SharedStack, website: Website) -> None:
    proving = HOSTED.replace("[forms.footer]", "[forms.footer]\naltcha = true", 1)
    stack = stack_with(shared_stack, website, f'["{website.url}"]', proving)
    browser.speak("fr")
    browser.open(f"{stack.http}/forms/footer")
    sign_up(browser, "ana@example.com")
    wait_for(lambda: browser.driver.current_url == f"{website.url}/merci")
    assert browser.complaints() == []
    wait_for(lambda: Ediware(stack.sandbox).emails()["ana@example.com"] == 1)
    with browser.without_scripts():
        browser.open(f"{stack.http}/forms/footer")
        assert "Ce formulaire a besoin de JavaScript" in browser.run("document.body.textContent")
    shared_stack.idle()


def test_no_other_website_can_frame_it(browser: Browser, stack: MovableStack) -> None:
    other = Website()
    other.serve(stack.http)
    browser.open(f"{other.url}/{SHOWING}/frame")
    assert any("frame-ancestors" in each for each in browser.complaints())
    browser.driver.switch_to.frame(0)
    assert browser.all("form") == []
    browser.driver.switch_to.default_content()
    other.close()
