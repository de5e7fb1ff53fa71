"""The first page says in one sentence whether all is well, and what needs a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from chalicelib.config.model import Form, Privacy
from chalicelib.config.secrets import Secret
from chalicelib.dashboard import overview
from chalicelib.domain.backoff import AccountState, Pause
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger.check_results import CheckedProblem, CheckResultStore
from tests.dashboard.visitor import Person, with_admin_key, words
from tests.support.http import API_DOMAIN
from tests.support.product import Product


def sign_up(product: Product, *names: str) -> list[str]:
    """Stores signups by the form and has a worker handle them."""
    ids = product.store(*(product.signup(f"{name}@example.com", form="footer") for name in names))
    product.work(*ids)
    return ids


def test_all_is_well(product: Product, person: Person) -> None:
    sign_up(product, "a", "b")
    page = words(person.get("/dashboard"))
    assert "All is well Since yesterday: 2 signups and 0 unsubscribes through the forms." in page
    assert "paris Ediware / MDWorks Running Waiting 0" in page
    assert "footer paris · 4781" in page
    assert "0 2 today" in page, "yesterday, in four weeks, last signup"


def test_one_is_no_plural_and_in_french_none_is_not_either(product: Product) -> None:
    sign_up(product, "a")
    for language, said in (
        ("en", "Since yesterday: 1 signup and 0 unsubscribes through the forms."),
        ("fr", "Depuis hier\u00a0: 1 inscription et 0 désinscription par les formulaires."),
    ):
        person = Person(product, language)
        person.log_in()
        assert said in person.get("/dashboard").body


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("fr", "Tout va bien"), ("nl", "Alles gaat goed"), ("en", "All is well"), ("de", "Tout va bien")],
)
def test_in_the_readers_language(product: Product, language: str, sentence: str) -> None:
    person = Person(product, language)
    person.log_in()
    assert f"<h1>{sentence}</h1>" in person.get("/dashboard").body


def test_a_language_that_was_chosen_stays(product: Product, person: Person) -> None:
    chosen = person.get("/dashboard?language=nl")
    assert "Alles gaat goed" in words(chosen)
    assert chosen.headers["set-cookie"].startswith("relais_language=nl; Path=/api; Max-Age=31536000; HttpOnly")
    person.cookie += "; relais_language=nl"
    assert "Alles gaat goed" in words(person.get("/dashboard"))


def test_a_paused_account_is_said_first(product: Product, person: Person) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "invalid api_key", reason_code=ReasonCode.WRONG_KEY)
    sign_up(product, "a", "b", "c")
    page = words(person.get("/dashboard"))
    assert "One thing needs you" in page
    assert "paris has been paused since 1 March, 10:30 (09:30 UTC)." in page
    assert "The account’s key is refused. 3 signups and unsubscribes wait. Next attempt at" in page
    assert "paris Ediware / MDWorks Paused Waiting 3, for 0 s" in page


def test_paused_confirmation_mails_are_said_although_amazon_ses_is_no_account(product: Product, person: Person) -> None:
    forms = {name: replace(form, confirm="ses") for name, form in product.settings.forms.items()}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    assert "All is well" in words(person.get("/dashboard"))
    product.container.accounts.write(
        "ses", AccountState(), AccountState(pause=Pause(0, 0, "SES: not verified", "account"))
    )
    page = words(person.get("/dashboard"))
    assert "One thing needs you" in page and "Amazon SES has been paused since" in page
    assert "SES: not verified." in page


def test_what_waits_for_a_decision_is_counted(product: Product, person: Person) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "refused")
    for name in ("a", "b"):
        sign_up(product, name)
    page = person.get("/dashboard")
    assert "2 signups or unsubscribes are refused." in words(page)
    assert 'href="/api/dashboard/events?status=refused"' in page.body


@pytest.mark.parametrize(
    ("language", "said", "of_person"),
    [
        ("en", "signups wait, unsubscribes go on", "This answer may be incomplete"),
        ("fr", "les inscriptions attendent, les désinscriptions partent", "Cette réponse est peut-être incomplète"),
        ("nl", "inschrijvingen wachten, uitschrijvingen gaan door", "Dit antwoord is misschien onvolledig"),
    ],
)
def test_a_missing_address_key_is_said(product: Product, language: str, said: str, of_person: str) -> None:
    sign_up(product, "a")
    other = Secret.plain("placeholder-address-key-2")
    product.settings = replace(product.settings, privacy=Privacy((other,)))
    product.restart()
    sign_up(product, "b")
    person = Person(product, language)
    person.log_in()
    assert said in words(person.get("/dashboard"))
    assert person.get("/dashboard/events?code=address_key_missing").body.count("/dashboard/events/") > 0
    assert of_person in words(person.post("/dashboard/events/lookup", address="a@example.com"))


def test_what_waits_is_counted_with_unsubscribes_first_up_to_a_bound(
    product: Product, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.store(product.signup("r@example.com", refused="invalid: x"))  # and does not wait
    product.store(product.signup("s@example.com"))
    product.clock.forward(minutes=5)
    product.store(*(product.unsubscribe(f"u{number}@example.com") for number in range(3)))
    product.clock.forward(seconds=10)
    assert "Waiting 4, for 5 min of these, unsubscribes 3, for 10 s" in words(person.get("/dashboard"))
    monkeypatch.setattr(overview, "MOST_WAITING", 4)
    product.store(*(product.signup(f"s{number}@example.com") for number in range(5)))
    page = words(person.get("/dashboard"))
    assert "Waiting more than 4, for 5 min of these, unsubscribes 3, for 10 s" in page


def test_problems_of_the_last_check_are_shown(product: Product, person: Person) -> None:
    problems = [CheckedProblem(f"form footer {number}", "list 1 is not there", "Write 4781.") for number in range(7)]
    CheckResultStore(product.container.table).write(product.clock(), problems)
    page = words(person.get("/dashboard"))
    assert "6 things need you" in page
    assert "form footer 0: list 1 is not there Write 4781." in page
    assert "The check of 1 March, 10:30 (09:30 UTC) found 2 more problems: see the function check." in page


def test_old_statistics_are_said(product: Product, person: Person) -> None:
    from chalicelib.statistics.last_runs import LastRuns

    LastRuns(product.container.table).record_success("paris", product.clock(), product.clock())
    product.clock.forward(hours=2)
    assert "All is well" in words(person.get("/dashboard"))
    product.clock.forward(hours=2)
    assert "The statistics of paris have not been read since 1 March, 10:30" in words(person.get("/dashboard"))


def test_a_form_shows_its_refusals_by_reason(product: Product, person: Person) -> None:
    product.work(
        *product.store(product.signup("t@example.com", form="footer", refused="trap", refused_code=ReasonCode.TRAP))
    )
    for code in (ReasonCode.UNKNOWN_FIELD, ReasonCode.INVALID_ADDRESS, ReasonCode.INVALID_ADDRESS):
        product.paris.rule = lambda *_, code=code: ProviderError(Kind.CONTACT, "no", reason_code=code)
        sign_up(product, "a")
    page = person.get("/dashboard/forms/footer")
    assert (
        "The provider refuses the address 2 A robot filled in the trap 1 The provider does not know a field"
        in words(page)
    )
    assert 'href="/api/dashboard/events?status=refused&amp;form=footer&amp;code=invalid_address"' in page.body
    assert "code=trap" not in page.body, "no list has them"
    product.clock.forward(days=28)
    person.log_in()
    assert "by reason" not in words(person.get("/dashboard/forms/footer"))


def test_a_form_whose_account_has_no_lists_names_none(product: Product, person: Person) -> None:
    with_admin_key(product, forms={"footer": replace(product.settings.forms["footer"], list="")})
    person.log_in()
    assert "This form signs people up to paris. " in words(person.get("/dashboard/forms/footer"))
    assert "footer paris 0 0 none in 28 days" in words(person.get("/dashboard"))


@pytest.mark.seconds
def test_a_silent_form_needs_a_person(product: Product, person: Person) -> None:
    for _ in range(30):
        sign_up(product, "a")
        product.clock.forward(days=1)
    person.log_in()
    assert "All is well" in words(person.get("/dashboard"))
    usual = "This form usually brings signups every day; Relais warns when it goes silent."
    assert usual in words(person.get("/dashboard/forms/footer"))
    product.clock.forward(days=3)
    person.log_in()
    page = words(person.get("/dashboard"))
    assert "One thing needs you" in page and "30 March Silent" in page
    assert "The form footer has brought no signup since 30 March. It usually brings some every day." in page
    page = words(person.get("/dashboard/forms/footer"))
    assert "No signup since 30 March." in page and 'silent_after = "never" in [forms.footer]' in page
    sign_up(product, "back")
    assert "All is well" in words(person.get("/dashboard"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("never", 'Relais does not warn when this form goes silent: silent_after = "never".'),
        (6.0, "Relais warns after 6 hours without a signup."),
        ("auto", "Relais does not know its rhythm yet, so it does not warn when the form goes silent."),
    ],
)
def test_a_form_says_how_it_is_watched(product: Product, person: Person, rule: Any, said: str) -> None:
    form = Form("footer", "paris", "4781", "email", {}, silent_after=rule)
    with_admin_key(product, forms={"footer": form})
    sign_up(product, "a")
    assert said in words(person.get("/dashboard/forms/footer"))


def test_the_page_of_a_form(product: Product, person: Person) -> None:
    sign_up(product, "a", "b", "c")
    product.clock.now += timedelta(days=1)
    sign_up(product, "d")
    person.log_in()
    page = person.get("/dashboard/forms/footer")
    assert "Signups yesterday 3 1 today" in words(page)
    assert "4 signups in 60 days, 3 on 1 March, the busiest day." in words(page)
    assert "Monday 2 March 1 1 0 0 0 0" in words(page)
    assert 'action="https://relais.example.com/forms/footer/signup"' in words(page)
    assert '<input type="email" name="email" required autocomplete="email">' in words(page)
    assert person.get("/dashboard/forms/nothing").status == 404
    product.settings = replace(product.settings, api=replace(product.settings.api, public_url=None))
    product.restart()
    html = unescape(person.get("/dashboard/forms/footer").body)
    assert f'action="https://{API_DOMAIN}/api/forms/footer/signup"' in html, "the URL that the person came by"


def test_the_html_of_a_form_that_asks_for_a_proof_of_work_is_a_frame_which_brings_one(
    product: Product, person: Person
) -> None:
    with_admin_key(product, forms={"footer": Form("footer", "paris", "4781", "email", {}, altcha=True)})
    page = words(person.get("/dashboard/forms/footer"))
    assert '<iframe src="https://relais.example.com/forms/footer?embed=1" title="footer"' in page
    assert "<form method" not in page and "brings the proof of work (altcha)" in page


def test_the_busiest_day_is_one_that_the_chart_shows(product: Product, person: Person) -> None:
    sign_up(product, "a", "b", "c")
    product.clock.forward(days=70)
    sign_up(product, "d")
    person.log_in()
    assert "1 signups in 60 days, 1 on 10 May, the busiest day." in words(person.get("/dashboard/forms/footer"))
