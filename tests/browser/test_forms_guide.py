"""The examples of docs/forms.md in a browser: on a page of another origin, under three referrer policies."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.sandbox.samples import sample_config
from tests.browser.chromium import Browser
from tests.support.stack import ROOT, MovableStack, SharedStack
from tests.support.waiting import wait_for

GUIDE = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
PLAIN, SCRIPT, UNSUBSCRIBE = re.findall(r"^```html\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
[FORM] = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
HIDING = ("no-referrer", "same-origin")
SHOWING = "strict-origin-when-cross-origin"
POLICIES = (*HIDING, SHOWING)


class Website:
    """A website of another origin: each example of the guide under each policy, and the page of thanks."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {"/merci": "<title>Merci</title>"}
        website = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                policy, _, name = self.path.lstrip("/").partition("/")
                shown = website.pages.get(f"/{name}" if policy in POLICIES else self.path)
                self.send_response(200 if shown else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if policy in POLICIES:
                    self.send_header("Referrer-Policy", policy)
                self.end_headers()
                self.wfile.write((shown or "").encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, relais: str) -> None:
        """Show the guide's examples, with Relais at `relais`."""
        for name, example in (("plain", PLAIN), ("script", SCRIPT), ("unsubscribe", UNSUBSCRIBE)):
            page = f"<!doctype html><title>{name}</title>{example}"
            self.pages[f"/{name}"] = page.replace("https://relais.example.com", relais)


@pytest.fixture(scope="module")
def website() -> Iterator[Website]:
    website = Website()
    yield website
    website.server.shutdown()
    website.server.server_close()


def stack_with(shared_stack: SharedStack, website: Website, origins: str) -> MovableStack:
    """The guide's form, for pages of `website`."""
    form = FORM.replace('["https://www.example.com"]', origins).replace("https://www.example.com", website.url)
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
    items = stack.aws.dynamodb.scan(TableName="relais-local-ledger", ConsistentRead=True)["Items"]
    return sorted(item["email"]["S"] for item in items if item["sk"]["S"] == "E")


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
        return str(browser.all("[role=status]")[0].text)

    before = stored(stack)
    fill(browser, f"ana-{policy}@example")
    wait_for(lambda: "email" in status(), 10)
    for email in (f"ana-{policy}@example.com", f"ben-{policy}@example.com"):
        fill(browser, email)
        wait_for(lambda: status() == "Thank you.", 10)
        assert email in stored(stack)
        browser.run("document.querySelector('[role=status]').textContent = ''")
    assert stored(stack) == sorted([*before, f"ana-{policy}@example.com", f"ben-{policy}@example.com"])


def test_a_plain_form_of_a_listed_site_is_redirected(browser: Browser, stack: MovableStack, website: Website) -> None:
    browser.open(f"{website.url}/{SHOWING}/plain")
    fill(browser, "plain@example.com")
    wait_for(lambda: browser.driver.title == "Merci", 10)
    assert "plain@example.com" in stored(stack)


@pytest.mark.parametrize("policy", HIDING)
@pytest.mark.parametrize("example", ["plain", "unsubscribe"])
def test_field_case_16_a_plain_form_of_a_page_that_hides_its_origin_is_told_why(
    browser: Browser, stack: MovableStack, website: Website, example: str, policy: str
) -> None:
    before = stored(stack)
    browser.open(f"{website.url}/{policy}/{example}")
    fill(browser, "hidden@example.com")
    wait_for(lambda: browser.driver.title not in (example, ""), 10)
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
    wait_for(lambda: browser.driver.title == "Merci", 10)
    assert stored(stack) == ["ana@example.com"]
    browser.open(f"{website.url}/{policy}/unsubscribe")
    fill(browser, "ben@example.com")
    wait_for(lambda: "ben@example.com" in stored(stack), 10)
    shared_stack.idle()
