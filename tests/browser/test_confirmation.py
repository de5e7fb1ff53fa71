"""Double opt-in in a browser: the form's page, the mail in the sandbox's mailbox, its page, and the provider's list."""

from __future__ import annotations

import pytest

from chalicelib.ingestion.form_proofs import FASTEST
from local.sandbox import Control, sample_config
from tests.browser.axe import axe
from tests.browser.chromium import Browser
from tests.e2e.world import ADMIN_KEY, Ediware
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for


@pytest.fixture
def stack(shared_stack: SharedStack) -> MovableStack:
    sample = sample_config(shared_stack.sandbox, ["ediware", "mailpartner"])
    return shared_stack.reset(sample.replace("[forms.footer]", '[forms.footer]\nconfirm = "lettre"'))


def mails(stack: MovableStack) -> list[int]:
    """The numbers of the mails that MailPartner has sent, the oldest first."""
    account = Control(stack.sandbox).state()["providers"]["mailpartner"]["accounts"]["lettre"]
    return [each["id"] for each in account["messages"] if each["html"]]


def link_of(browser: Browser, stack: MovableStack) -> str:
    """The link of the mail that is shown; `public_url` of the sample configuration names another port."""
    [link] = browser.all("a")
    return stack.http + str(link.get_attribute("href")).removeprefix("http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("language", "asked", "button", "done"),
    [
        ("fr", "Confirmez votre inscription", "Je confirme", "Votre inscription est confirmée"),
        ("nl", "Bevestig uw inschrijving", "Ik bevestig", "Uw inschrijving is bevestigd"),
        ("en", "Confirm your signup", "I confirm", "Your signup is confirmed"),
    ],
)
def test_the_whole_way_from_the_form_to_the_list(
    browser: Browser, stack: MovableStack, language: str, asked: str, button: str, done: str
) -> None:
    ediware = Ediware(stack.sandbox)
    browser.speak(language)
    with browser.without_scripts():
        browser.open(f"{stack.http}/forms/footer")
        browser.all("[name=email]")[0].send_keys("ana@example.com")
        for box in browser.all("[type=checkbox]"):
            box.click()
        wait_for(lambda: browser.run("performance.now()") > 1000 * FASTEST.total_seconds())
        browser.all("button")[0].click()
        wait_for(lambda: browser.driver.current_url.endswith("/signup"))
        wait_for(lambda: mails(stack))
        browser.open(f"{stack.sandbox}/mail/{mails(stack)[-1]}")
        browser.open(link_of(browser, stack))
        wait_for(lambda: browser.texts("h1") == [asked])
        assert ediware.emails()["ana@example.com"] == 0, "opening it changes nothing"
        [only] = browser.all("main button")
        assert only.text == button
        only.click()
        wait_for(lambda: browser.texts("h1") == [done])
    wait_for(lambda: ediware.emails()["ana@example.com"] == 1)
    assert browser.complaints() == []
    assert len(mails(stack)) == 1


def test_its_pages_are_accessible(browser: Browser, stack: MovableStack) -> None:
    browser.speak("fr")
    body = '{"email": "ana@example.com"}'
    signup = stack.request("POST", "/forms/footer/signup", body, {"content-type": "application/json"}).json["id"]
    wait_for(lambda: mails(stack))
    browser.open(f"{stack.sandbox}/mail/{mails(stack)[-1]}")
    link = link_of(browser, stack)
    for _ in range(2):
        browser.open(link)
        assert axe(browser) == []
        assert browser.run("document.documentElement.lang") == "fr"
        for each in browser.all("main button"):
            each.click()
    browser.open(link[:-4])
    assert browser.texts("h1") == ["Ce lien n’est pas valable"]
    assert axe(browser) == []
    shown = stack.request("GET", f"/events/{signup}", headers={"authorization": f"Bearer {ADMIN_KEY}"}).json
    assert shown["confirmation"]["status"] == "confirmed"
