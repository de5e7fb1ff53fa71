"""The examples of docs/forms.md in a browser: pages of another origin, on http and https, under three policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.sandbox.samples import sample_config
from tests.browser.axe import axe
from tests.browser.chromium import Browser
from tests.browser.tls import TlsFront, server_context
from tests.browser.website import FORM, HIDING, POLICIES, SHOWING, Website
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

END = "\ue010"  # as WebDriver names it


@pytest.fixture(scope="module")
def website() -> Iterator[Website]:
    website = Website()
    yield website
    website.close()


@pytest.fixture(autouse=True)
def as_usual(browser: Browser) -> None:
    browser.speak("en")


@dataclass(frozen=True)
class Place:
    """A website and Relais, at these addresses."""

    website: Website
    stack: MovableStack
    relais: str


@pytest.fixture(params=["http", "https"])
def place(request: pytest.FixtureRequest, shared_stack: SharedStack, tmp_path: Path) -> Iterator[Place]:
    """The guide's form, for pages of a website on http or https; Relais is on https for the latter."""
    context = server_context(tmp_path) if request.param == "https" else None
    website = Website(context)
    front = TlsFront(int(shared_stack.http.rpartition(":")[2]), context) if context else None
    stack = stack_with(shared_stack, website, f'["{website.url}"]')
    website.serve(front.url if front else stack.http)
    yield Place(website, stack, front.url if front else stack.http)
    shared_stack.idle()
    website.close()
    if front:
        front.close()


def stack_with(
    shared_stack: SharedStack, website: Website, origins: str, more: str = "", *, redirect: bool = True
) -> MovableStack:
    """The guide's form, for pages of `website`. `more`: another example of the guide that adds to it."""
    form = FORM.replace('["https://www.example.com"]', origins).replace("https://www.example.com", website.url)
    form = form if redirect else re.sub("^redirect.*\n", "", form, flags=re.MULTILINE)
    section, start, tables = more.removeprefix("[forms.footer]\n").partition("[forms.")
    form = form.replace("[forms.footer.fields]", f"{section}[forms.footer.fields]") + start + tables
    sample = sample_config(shared_stack.sandbox, ["ediware"])
    others = re.sub(r"^\[forms\.footer.*?(?=^\[(?!forms))", "", sample, flags=re.DOTALL | re.MULTILINE)
    stack = shared_stack.reset(form + others)
    website.serve(stack.http)
    return stack


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack, website: Website) -> Iterator[MovableStack]:
    yield stack_with(shared_stack, website, f'["{website.url}"]')
    shared_stack.idle()


def stored(stack: MovableStack) -> list[str]:
    """The addresses of all stored events."""
    return sorted(event["email"]["S"] for event in events(stack))


def fill(browser: Browser, email: str) -> None:
    for name, value in (("email", email), ("prenom", "Ana")):
        for field in browser.all(f"[name={name}]"):
            field.clear()
            field.send_keys(value)
    browser.all("button")[0].click()


@pytest.mark.parametrize("policy", POLICIES)
def test_field_case_15_a_corrected_typo_and_a_second_person_are_accepted(
    browser: Browser, stack: MovableStack, website: Website, policy: str
) -> None:
    browser.open(f"{website.url}/{policy}/script")

    def status() -> str:
        return browser.texts("[role=status]")[0]

    before = stored(stack)
    fill(browser, f"ana-{policy}@example")
    wait_for(lambda: "email" in status())
    for email in (f"ana-{policy}@example.com", f"ben-{policy}@example.com"):
        fill(browser, email)
        wait_for(lambda: status() == "Thank you.")
        assert email in stored(stack)
        browser.run("document.querySelector('[role=status]').textContent = ''")
    assert stored(stack) == sorted([*before, f"ana-{policy}@example.com", f"ben-{policy}@example.com"])


def test_a_plain_form_of_a_listed_site_is_redirected(browser: Browser, stack: MovableStack, website: Website) -> None:
    browser.open(f"{website.url}/{SHOWING}/plain")
    fill(browser, "plain@example.com")
    wait_for(lambda: browser.driver.title == "Merci")
    assert "plain@example.com" in stored(stack)


@pytest.mark.parametrize(
    ("language", "wrong", "left"),
    [
        ("fr-BE,fr;q=0.9,en;q=0.5", "Il reste quelque chose à corriger", "Votre désinscription est enregistrée"),
        ("nl-BE,nl;q=0.9,fr;q=0.8", "Er moet nog iets worden verbeterd", "U bent uitgeschreven"),
        ("en-GB", "Something is still to be corrected", "You are unsubscribed"),
    ],
)
def test_visitors_read_their_own_language(
    browser: Browser, stack: MovableStack, website: Website, language: str, wrong: str, left: str
) -> None:
    browser.speak(language)
    for example, address, title in (("plain", "ana@example", wrong), ("unsubscribe", "ana@example.com", left)):
        browser.open(f"{website.url}/{SHOWING}/{example}")
        fill(browser, address)
        wait_for(lambda: browser.driver.title not in (example, ""))  # noqa: B023 - waited for at once
        assert browser.texts("h1") == [title]
        assert browser.run("document.documentElement.lang") == language[:2]
        assert axe(browser) == []


@pytest.mark.parametrize("policy", HIDING)
@pytest.mark.parametrize("example", ["plain", "unsubscribe"])
def test_field_case_16_a_plain_form_of_a_page_that_hides_its_origin_is_told_why(
    browser: Browser, stack: MovableStack, website: Website, example: str, policy: str
) -> None:
    before = stored(stack)
    browser.open(f"{website.url}/{policy}/{example}")
    fill(browser, "hidden@example.com")
    wait_for(lambda: browser.driver.title not in (example, ""))
    shown = browser.run("document.body.innerText")
    assert "Referrer-Policy" in shown and '"null"' in shown and "[forms.footer]" in shown
    assert stored(stack) == before


@pytest.mark.parametrize("policy", POLICIES)
def test_field_case_16_with_null_listed_plain_forms_work_under_every_policy(
    browser: Browser, shared_stack: SharedStack, website: Website, policy: str
) -> None:
    stack = stack_with(shared_stack, website, f'["{website.url}", "null"]')
    browser.open(f"{website.url}/{policy}/plain")
    fill(browser, "ana@example.com")
    wait_for(lambda: browser.driver.title == "Merci")
    assert stored(stack) == ["ana@example.com"]
    browser.open(f"{website.url}/{policy}/unsubscribe")
    fill(browser, "ben@example.com")
    wait_for(lambda: "ben@example.com" in stored(stack))
    shared_stack.idle()


# --- on http and https ---


def test_the_examples_work_for_one_person_after_another(browser: Browser, place: Place) -> None:
    site, stack = f"{place.website.url}/{SHOWING}", place.stack
    for person in ("ana@example.com", "ben@example.com"):
        browser.open(f"{site}/plain")
        fill(browser, person)
        wait_for(lambda: browser.driver.title == "Merci")
    browser.open(f"{site}/script")
    fill(browser, "eva@example.com")
    wait_for(lambda: browser.texts("[role=status]") == ["Thank you."])
    assert browser.complaints() == []
    assert stored(stack) == ["ana@example.com", "ben@example.com", "eva@example.com"]
    assert pages_of_consent(stack) == {f"{place.website.url}/"}
    browser.open(f"{site}/unsubscribe")
    fill(browser, "ana@example.com")
    wait_for(lambda: browser.driver.title == "You are unsubscribed – Association Exemple")
    [back] = browser.all("main a")
    assert back.get_attribute("href") == f"{place.website.url}/"
    assert stored(stack).count("ana@example.com") == 2


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "without-scripts"])
def test_a_typo_is_corrected_on_relais_page_and_goes_on_to_the_redirect(
    browser: Browser, place: Place, scripts: bool
) -> None:
    with nullcontext() if scripts else browser.without_scripts():
        browser.open(f"{place.website.url}/{SHOWING}/plain")
        browser.all("form")[0].find_element("css selector", "[name=email]").send_keys("ana@example")
        browser.all("[name=prenom]")[0].send_keys("Ana")
        browser.all("button")[0].click()
        wait_for(lambda: browser.driver.title == "Error – Something is still to be corrected – Association Exemple")
        assert browser.driver.current_url == f"{place.relais}/forms/footer/signup", "nothing typed in the URL"
        [link] = browser.all("[role=alert] a")
        assert link.text == "E‑mail address: check what follows the @, as in name@example.com."
        link.click()
        focused = browser.driver.switch_to.active_element
        assert (focused.get_attribute("name"), focused.get_attribute("value")) == ("email", "ana@example")
        focused.send_keys(END, ".com")
        browser.all("button")[0].click()
        wait_for(lambda: browser.driver.title == "Merci")
    [event] = events(place.stack)
    assert (event["email"]["S"], event["fields"]["M"]) == ("ana@example.com", {"prenom": {"S": "Ana"}})
    assert pages_of_consent(place.stack) == {f"{place.website.url}/"}
    assert event["consent"]["M"]["text"]["S"] == "v3"


def test_without_a_connection_the_script_says_so_and_what_is_sent_again_counts_once(
    browser: Browser, place: Place
) -> None:
    at_once = "window.setTimeout = (task) => queueMicrotask(task);"  # what the example waits between two attempts
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": at_once})
    try:
        browser.open(f"{place.website.url}/{SHOWING}/script")
        browser.offline(True)
        fill(browser, "ana@example.com")
        wait_for(lambda: browser.texts("[role=status]")[0].startswith("No connection"))
        assert stored(place.stack) == []
        assert browser.all("[name=email]")[0].get_attribute("value") == "ana@example.com", "still there"
    finally:
        browser.offline(False)
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.all("button")[0].click()
    wait_for(lambda: browser.texts("[role=status]") == ["Thank you."])
    assert stored(place.stack) == ["ana@example.com"]


def events(stack: MovableStack) -> list[Any]:
    items = stack.aws.dynamodb.scan(TableName="relais-local-ledger", ConsistentRead=True)["Items"]
    return [item for item in items if item["sk"]["S"] == "E"]


def pages_of_consent(stack: MovableStack) -> set[str]:
    return {event["consent"]["M"]["source"]["S"] for event in events(stack)}
