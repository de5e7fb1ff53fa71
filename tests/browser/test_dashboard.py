"""The dashboard in Chromium: accessible (WCAG 2.2 AA, by axe), readable on a phone, quiet, and used by keyboard alone.

One stack has the sample world's past; then an account is in trouble, some are refused, and some quarantined.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from local.sandbox import SAMPLE_ADMIN_KEY, Control
from tests.browser.axe import axe
from tests.browser.chromium import Browser
from tests.browser.sample_world import cause_trouble, config, fill_quarantine, listed, log_in, sample_pages, write_past
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

ENTER, TAB, SPACE = "\ue007", "\ue004", " "  # as WebDriver names them
LANGUAGES = ("fr", "nl", "en")
LOOKS = [(language, scheme) for scheme in ("light", "dark") for language in LANGUAGES]
PHONE = 360


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """The stack as `make run` starts it, but for a form with a low limit."""
    stack = shared_stack.reset(config(shared_stack.sandbox, shared_stack.http))
    write_past(stack.aws, stack.now())
    code, _ = stack.invoke("collect_stats")
    assert code == 0
    yield stack
    shared_stack.idle()


@pytest.fixture(scope="module")
def troubled(world: MovableStack) -> MovableStack:
    """The same stack, once there is trouble: its tests come last."""
    cause_trouble(world)
    fill_quarantine(world)
    return world


@pytest.fixture(autouse=True)
def as_usual(browser: Browser, world: MovableStack) -> Iterator[None]:
    browser.resize(1280)
    browser.prefer("light")
    browser.speak("en")
    browser.driver.delete_all_cookies()
    yield
    browser.resize(1000)
    browser.prefer("light")


def faults(browser: Browser, language: str) -> list[str]:
    """What is wrong with the page that is shown, at 1,280 and at 360 pixels."""
    found = axe(browser)
    shown = browser.run(
        "[document.documentElement.lang, document.querySelectorAll('h1').length,"
        " document.querySelectorAll('main').length,"
        " performance.getEntriesByType('resource').map((each) => each.name).join()]"
    )
    if shown != [language, 1, 1, ""]:
        found.append(f"language, headings, main, loaded: {shown}")
    browser.resize(PHONE)
    width = browser.run("document.scrollingElement.scrollWidth")
    if width > PHONE:
        found.append(f"{width} pixels wide")
    browser.resize(1280)
    return [*found, *(text for text in browser.complaints() if "status of 404" not in text)]


def look(browser: Browser, stack: MovableStack, path: str, language: str, scheme: str) -> list[str]:
    """Open a page in a language and a theme: what is wrong with it."""
    browser.speak(language)
    browser.prefer(scheme)
    browser.open(f"{stack.http}{path}")
    return faults(browser, language)


def test_all_is_well(browser: Browser, world: MovableStack) -> None:
    found = {"login": look(browser, world, "/dashboard/login", "nl", "dark")}
    log_in(browser, world.http)
    found["overview"] = look(browser, world, "/dashboard", "fr", "light")
    assert browser.texts("h1") == ["Tout va bien"]
    assert browser.all("svg[role=img]"), "the forms have curves"
    found["events"] = look(browser, world, "/dashboard/events", "en", "dark")
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_every_page_is_accessible_fits_a_phone_and_is_quiet(browser: Browser, troubled: MovableStack) -> None:
    log_in(browser, troubled.http)
    found = {}
    for (name, path), (language, scheme) in zip(sample_pages(troubled).items(), cycle(LOOKS), strict=False):
        found[f"{name}, {language}, {scheme}"] = look(browser, troubled, path, language, scheme)
    browser.open(f"{troubled.http}/dashboard/events")
    browser.all("#address")[0].send_keys("here0@example.com")
    browser.all("#address ~ button")[0].click()
    wait_for(lambda: "/lookup" in browser.driver.current_url)
    assert "here0" not in browser.driver.page_source
    found["person"] = faults(browser, language)
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_every_page_in_each_language_and_theme(
    browser: Browser, troubled: MovableStack, language: str, scheme: str
) -> None:
    log_in(browser, troubled.http)
    pages = sample_pages(troubled)
    found = {name: look(browser, troubled, path, language, scheme) for name, path in pages.items()}
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


def focused(browser: Browser) -> str:
    """Role and name of the focused element, as assistive technology gets them."""
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    found = [
        f"{node['role']['value']} {node['name']['value']}"
        for node in nodes
        if not node["ignored"] and any(one["name"] == "focused" and one["value"]["value"] for one in node["properties"])
    ]
    return found[-1] if found else ""


def tab_to(browser: Browser, wanted: str) -> None:
    """Press TAB until an element has the focus, which is to be seen."""
    passed = []
    for _ in range(60):
        if wanted == focused(browser):
            assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none", wanted
            return
        browser.press(TAB)
        passed.append(focused(browser))
    raise AssertionError(f"{wanted} is not among {passed}")


def wait_for_title(browser: Browser, title: str) -> None:
    wait_for(lambda: browser.driver.title == f"{title} – Relais")


def test_everything_works_by_keyboard_alone_and_without_javascript(browser: Browser, troubled: MovableStack) -> None:
    Control(troubled.sandbox).clear_faults()
    with browser.without_scripts():
        browser.open(f"{troubled.http}/dashboard/campaigns")
        wait_for_title(browser, "Log in")
        assert focused(browser) == "textbox Admin key"
        browser.press(SAMPLE_ADMIN_KEY, ENTER)
        wait_for_title(browser, "Campaigns")
        browser.press(TAB)
        assert focused(browser) == "link Skip to the content"
        browser.press(ENTER)
        assert browser.run("document.activeElement.id") == "main"
        tab_to(browser, "searchbox Name or subject")
        browser.press("lettre", ENTER)
        wait_for(lambda: "words=lettre" in browser.driver.current_url)
        rates = shown_rates(browser)
        tab_to(browser, "link Opened")
        browser.press(ENTER)
        wait_for(lambda: "sort=opens" in browser.driver.current_url)
        assert "words=lettre" in browser.driver.current_url
        assert shown_rates(browser) == sorted(rates, reverse=True) != rates
        tab_to(browser, "link Needs attention")
        browser.press(ENTER)
        wait_for_title(browser, "Needs attention")
        tab_to(browser, "link Send again – The provider refuses the contact, paris footer")
        browser.press(ENTER)
        wait_for_title(browser, "Send 2 signups or unsubscribes again?")
        tab_to(browser, "button Yes, send again")
        browser.press(ENTER)
        wait_for_title(browser, "Needs attention")
        assert browser.texts("[role=status]") == ["Done: 2 signups or unsubscribes are being sent again now."]
        wait_for(lambda: accounts_of(listed(troubled, "refused")) == {"brussel"})
        tab_to(browser, "button Log out")
        browser.press(ENTER)
        wait_for_title(browser, "Log in")
    assert browser.texts("[role=status]") == ["You are logged out."]
    assert browser.complaints() == []
    browser.driver.back()
    wait_for(lambda: "next=" in browser.driver.current_url)
    assert browser.driver.title == "Log in – Relais", "the browser kept no page"


def accounts_of(events: list[dict[str, Any]]) -> set[str]:
    return {delivery["account"] for event in events for delivery in event["deliveries"]}


def shown_rates(browser: Browser) -> list[float]:
    """The open rates of the campaigns that are listed, in the order of the page."""
    return [float(text.rstrip("%")) for text in browser.texts("td[data-label=Opened]")]


def test_selected_events_are_discarded_without_javascript(browser: Browser, troubled: MovableStack) -> None:
    log_in(browser, troubled.http)
    with browser.without_scripts():
        browser.open(f"{troubled.http}/dashboard/events?status=quarantined&account=lettre")
        before = len(browser.all("input[name=event]"))
        tab_to(browser, f"checkbox Select {browser.all('input[name=event]')[0].get_attribute('value')}")
        browser.press(SPACE)
        tab_to(browser, "button Discard selected…")
        browser.press(ENTER)
        wait_for_title(browser, "Discard it?")
        tab_to(browser, "button Yes, discard and erase")
        browser.press(ENTER)
        wait_for(lambda: browser.texts("[role=status]"))
    assert browser.texts("[role=status]")[0].startswith("Done:")
    browser.open(f"{troubled.http}/dashboard/events?status=quarantined&account=lettre")
    assert len(browser.all("input[name=event]")) == before - 1
