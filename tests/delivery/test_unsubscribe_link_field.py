"""The unsubscribe link that Relais writes into a provider field: made at the call and kept nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.config.model import Api, Form
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Event, EventType
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import Product, settings

KEY = Secret.plain("placeholder-unsubscribe-key-of-40-characters", key="unsubscribe.keys (item 1)")
START = "https://relais.example.com/unsubscribe/"
FIELDS = {"prenom": "prenom"}


def product_with(*keys: Secret) -> Product:
    forms = {
        "footer": Form("footer", "paris", "4781", "email", FIELDS, unsubscribe_url_field="lien_desabo"),
        "plain": Form("plain", "paris", "4781", "email", FIELDS),
    }
    api = Api(public_url="https://relais.example.com")
    return Product(settings(forms=forms, unsubscribe_keys=keys, api=api))


@pytest.fixture
def product(resources: TestAws) -> Product:
    return product_with(KEY)


def link_in(product: Product, email: str) -> str | None:
    [fields] = [fields for _, address, fields in product.paris.rows if address == email]
    return fields.get("lien_desabo")


def signup(product: Product, email: str, **changes: object) -> Event:
    return product.signup(email, **{"form": "footer", "fields": {"prenom": "Zoé"}, **changes})


def test_a_form_with_a_link_field_sends_a_link_per_address(product: Product) -> None:
    people = [f"p{number}@example.com" for number in range(3)]
    product.work(*product.store(*(signup(product, email) for email in people)))
    links = [str(link_in(product, email)) for email in people]
    assert all(link.startswith(START) for link in links)
    assert [product.container.links.address(link.removeprefix(START)) for link in links] == people
    assert product.paris.rows[0][2]["prenom"] == "Zoé"
    assert product.paris.calls_of("sign_up") == 1, "and they still go together"


def test_a_queued_event_of_the_form_gets_the_link_too(product: Product) -> None:
    product.work(bodies=({"type": "signup", "form": "footer", "email": "a@example.com", "fields": {"prenom": "Zoé"}},))
    assert str(link_in(product, "a@example.com")).startswith(START)


def test_other_signups_get_no_link(product: Product) -> None:
    product.work(
        *product.store(
            signup(product, "plain@example.com", form="plain"),
            signup(product, "none@example.com", form=None),
        )
    )
    assert len(product.paris.rows) == 2
    assert {link_in(product, email) for _, email, _ in product.paris.rows} == {None}


def test_the_link_is_not_stored_with_the_event(product: Product, resources: TestAws) -> None:
    event = signup(product, "a@example.com")
    product.work(*product.store(event))
    assert not product.container.events.store(event), "the same id and content again is the same event"
    stored = resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]
    assert "a@example.com" in str(stored)
    assert "unsubscribe/" not in str(stored)
    assert str(link_in(product, "a@example.com")).removeprefix(START) not in str(stored)


def test_an_old_link_counts_again_after_a_later_signup(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    known = product.container.capabilities("paris")
    assert known is not None
    monkeypatch.setattr(product.container, "capabilities", lambda account: replace(known, lifts_suppression=True))
    path = product.container.links.url("a@example.com").removeprefix("https://relais.example.com")

    def click() -> list[str]:
        product.clock.forward(minutes=1)
        assert request(product.container, "POST", path).status == 200
        return product.container.events.due("paris", EventType.UNSUBSCRIBE, None, 10)

    product.work(*click())
    assert (product.paris.unsubscribed_emails, product.providers["lyon"].unsubscribed_emails) == (
        ["a@example.com"],
        ["a@example.com"],
    )
    product.clock.forward(days=400)
    (joined,) = product.store(signup(product, "a@example.com", form="plain"))
    product.work(joined)
    assert product.delivery(joined)["status"] == "delivered"
    product.work(*click())
    assert product.paris.unsubscribed_emails == ["a@example.com"] * 2
    assert product.providers["lyon"].unsubscribed_emails == ["a@example.com"] * 2


def test_a_link_quoted_in_a_provider_error_is_not_stored(product: Product, capfd: pytest.CaptureFixture[str]) -> None:
    quoted: list[str] = []

    def refuse(verb: str, emails: object) -> ProviderError:
        link = product.container.links.url("a@example.com")
        quoted.append(link.removeprefix(START))
        return ProviderError(Kind.CONTACT, f"lien_desabo must not be {link}")

    product.paris.rule = refuse
    (event_id,) = product.store(signup(product, "a@example.com"))
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "refused"
    written = str(product.view(event_id)) + "".join(capfd.readouterr())
    assert "lien_desabo must not be" in written
    assert quoted
    assert not any(token[:20] in written for token in quoted)


def test_signups_wait_with_a_reason_while_the_key_cannot_be_read(
    resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELAIS_TEST_KEY", raising=False)
    product = product_with(Secret("env:RELAIS_TEST_KEY", key="unsubscribe.keys (item 1)"))
    (event_id,) = product.store(signup(product, "a@example.com"))
    product.work(event_id)
    delivery = product.delivery(event_id)
    assert (delivery["status"], product.paris.rows) == ("pending", [])
    assert "unsubscribe.keys (item 1): env:RELAIS_TEST_KEY cannot be used" in delivery["reason"]
    monkeypatch.setenv("RELAIS_TEST_KEY", KEY.reveal())
    product.clock.forward(hours=2)
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "delivered"
    assert str(link_in(product, "a@example.com")).startswith(START)
