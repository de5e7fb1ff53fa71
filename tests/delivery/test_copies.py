"""`copy_to`: a back end gets a copy of a form's signups, beside the account that the form signs people up at."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Api, Form, Settings
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.account import Account
from chalicelib.statistics.form_days import FormDay, form_days
from tests.confirmation.conftest import Visitor
from tests.contract.scripted import Scripted, answer
from tests.operators.support import items, report, resend
from tests.support.aws import TestAws
from tests.support.back_end import Told, back_end_account, told
from tests.support.http import request
from tests.support.product import START, FakeContext, Product, settings
from tests.support.provider import FakeProvider

pytestmark = pytest.mark.server

ZOE = "zoe@example.com"
FOOTER = Form(
    "footer",
    "paris",
    "4781",
    "email",
    {"prenom": "firstname"},
    unsubscribe_url_field="link",
    copy_to=("crm",),
)


def configured(crm: Scripted, form: Form = FOOTER) -> Settings:
    accounts = {name: Account(name, "ediware", secrets={"api_key": Secret.plain("x")}) for name in ("paris", "lyon")}
    accounts["lettre"] = Account("lettre", "mailpartner", secrets={"api_key": Secret.plain("x")})
    return settings(
        accounts={**accounts, "crm": back_end_account(f"{crm.url}/relais")},
        forms={"footer": form},
        unsubscribe_keys=(Secret.plain("placeholder-unsubscribe-key-of-40-characters"),),
        api=Api(public_url="https://relais.example.com"),
    )


@pytest.fixture
def product(resources: TestAws, crm: Scripted) -> Product:
    providers = {name: FakeProvider() for name in ("paris", "lyon", "lettre")}
    return Product(configured(crm), providers=providers)


def reconfigure(product: Product, crm: Scripted, **changes: Any) -> None:
    """Another form of that name, over the same ledger."""
    product.settings = configured(crm, replace(FOOTER, **changes))
    product.restart()


def accept(product: Product, email: str = ZOE, **fields: str) -> str:
    """A person signs up on the website; the event's id."""
    body = json.dumps({"email": email, "prenom": "Zoé", **fields})
    response = request(product.container, "POST", "/forms/footer/signup", {}, body)
    assert response.status == 202
    return str(response.json["id"])


def later(product: Product, *ids: str) -> None:
    product.clock.forward(hours=2)
    product.work(*ids)


def notices(crm: Scripted) -> list[Told]:
    return [told(one) for one in crm.received]


def statuses(product: Product, event_id: str) -> dict[str, str]:
    return {one["account"]: one["status"] for one in product.view(event_id)["deliveries"]}


def days(product: Product) -> list[FormDay]:
    return form_days(product.container.counts.read(START.date(), START.date() + timedelta(days=40)))


def test_a_signup_has_a_delivery_to_each(product: Product, crm: Scripted) -> None:
    event_id = accept(product)
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "delivered"}
    [(_, email, fields)] = product.paris.rows
    assert email == ZOE and fields["firstname"] == "Zoé" and fields["link"].startswith("https://relais.example.com/")
    [notice] = notices(crm)
    assert (notice.id, notice.type) == (event_id, "subscriber.signed_up")
    told_of = {name: notice.data[name] for name in ("form", "list", "fields", "origin")}
    assert told_of == {"form": "footer", "list": "4781", "fields": {"prenom": "Zoé"}, "origin": "form"}
    assert report(product)["delivered"] == 2
    [day] = days(product)
    assert (day.accepted, day.delivered) == (1, 1), "the form brought one"
    exported = product.container.export_person({"email": ZOE}, FakeContext())
    assert len(exported["events"][0]["deliveries"]) == 2


def test_one_account_that_is_down_keeps_no_other_waiting(product: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 503)
    event_id = accept(product)
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "pending"}
    assert report(product)["accounts"]["crm"]["pending"] == 1
    crm.otherwise = answer(b"", 200)
    later(product, event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "delivered"}
    assert product.paris.emails == [ZOE]


def test_a_refused_copy_counts_for_its_account_and_can_be_sent_again(product: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 422)
    event_id = accept(product)
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "refused"}
    assert [(day.delivered, day.refused) for day in days(product)] == [(1, 0)]
    crm.otherwise = answer(b"", 200)
    assert resend(product, status="refused", account="crm") == {"resent": 1}
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "delivered"}
    assert product.paris.emails == [ZOE]


def test_what_no_person_sent_has_no_copy(product: Product, crm: Scripted) -> None:
    event_id = accept(product, website="https://spam.example")
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "refused"} and not crm.received


def test_the_account_of_the_form_changes_and_the_copy_stays(product: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 503)
    product.paris.rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "wrong key")
    event_id = accept(product)
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "pending", "crm": "pending"}
    crm.otherwise = answer(b"", 200)
    reconfigure(product, crm, account="lyon", list="7")
    later(product, event_id)
    assert statuses(product, event_id) == {"lyon": "delivered", "crm": "delivered", "paris": "superseded"}
    assert product.providers["lyon"].rows[0][:2] == ("7", ZOE) and not product.paris.rows
    assert [notice.id for notice in notices(crm)][-1] == event_id
    [day] = days(product)
    assert (day.accepted, day.delivered) == (1, 1)


def test_the_account_of_the_form_changes_there_and_back(product: Product, crm: Scripted) -> None:
    product.paris.rule = product.providers["lyon"].rule = lambda verb, emails: ProviderError(Kind.LATER, "down")
    event_id = accept(product)
    product.work(event_id)
    reconfigure(product, crm, account="lyon")
    later(product, event_id)
    reconfigure(product, crm)
    product.paris.rule = None
    later(product, event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "delivered", "lyon": "superseded"}
    assert product.paris.emails == [ZOE] and len(crm.received) == 1


def test_the_account_of_the_form_becomes_that_of_the_copy(product: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 503)
    product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "down")
    event_id = accept(product)
    product.work(event_id)
    crm.otherwise = answer(b"", 200)
    before = len(crm.received)
    reconfigure(product, crm, account="crm", list="vip", copy_to=())
    later(product, event_id)
    assert statuses(product, event_id) == {"crm": "delivered", "paris": "superseded"}
    [notice] = notices(crm)[before:]
    assert (notice.data["list"], notice.data["fields"]["firstname"]) == ("vip", "Zoé"), "its own now, not a copy"


def test_a_copy_that_was_accepted_is_told_whatever_copy_to_says_later(product: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 503)
    event_id = accept(product)
    product.work(event_id)
    crm.otherwise = answer(b"", 200)
    reconfigure(product, crm, copy_to=())
    later(product, event_id)
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "delivered"}
    product.work(second := accept(product, "second@example.com"))
    assert statuses(product, second) == {"paris": "delivered"}


def test_a_newer_unsubscribe_supersedes_both(product: Product, crm: Scripted) -> None:
    event_id = accept(product)
    product.clock.forward(minutes=1)
    left = product.unsubscribe(ZOE, accounts=tuple(product.settings.accounts), all_accounts=True)
    product.work(*product.store(left), queue="unsubscribes")
    product.work(event_id)
    assert statuses(product, event_id) == {"paris": "superseded", "crm": "superseded"}
    assert [notice.type for notice in notices(crm)] == ["subscriber.unsubscribed"]


def test_a_forgotten_person_is_erased_from_both(product: Product, crm: Scripted, resources: TestAws) -> None:
    crm.otherwise = answer(b"", 503)
    event_id = accept(product)
    product.work(event_id)
    crm.otherwise = answer(b"", 200)
    product.clock.forward(hours=2)
    product.container.forget({"email": ZOE}, FakeContext())
    assert statuses(product, event_id) == {"paris": "delivered", "crm": "superseded"}
    assert ZOE not in json.dumps(items(resources, event_id))
    assert notices(crm)[-1].type == "subscriber.forgotten"


@pytest.mark.parametrize("discarded", [True, False])
def test_quarantine_holds_both_and_ends_both(
    discarded: bool, product: Product, crm: Scripted, resources: TestAws
) -> None:
    reconfigure(product, crm, signups_per_hour=1)
    ids = [accept(product, f"a{number}@example.com") for number in range(2)]
    product.work(*ids)
    [held] = [event_id for event_id in ids if "pending" in statuses(product, event_id).values()]
    assert set(statuses(product, held).values()) == {"pending"} and len(crm.received) == 1
    if discarded:
        assert resend(product, status="quarantined", discard=True) == {"discarded": 1}
    else:
        product.clock.forward(days=31)
        product.work(held)
    assert set(statuses(product, held).values()) == {"refused"}
    whole = items(resources, held)
    assert "@example.com" not in json.dumps(whole) and all("expires_at" in item for item in whole.values())
    assert len(crm.received) == 1


def test_a_webhook_that_may_name_the_forms_account_alone_may_send_for_the_form(product: Product) -> None:
    from chalicelib.config.model import Webhook
    from chalicelib.ingestion.event_batch import event_of
    from chalicelib.ingestion.signatures import Signed

    webhook = Webhook("shop", (), accounts=frozenset({"paris"}))
    value = {"type": "signup", "form": "footer", "email": ZOE}
    event = event_of(value, 0, Signed("1", START, (webhook,)), product.settings, START)
    assert event.accounts == ("paris", "crm")


class TestConfirmation:
    @pytest.fixture
    def visitor(self, product: Product, crm: Scripted) -> Visitor:
        reconfigure(product, crm, confirm="lettre", unsubscribe_url_field=None)
        return Visitor(product)

    def test_a_copy_is_told_once_its_person_has_confirmed(
        self, product: Product, visitor: Visitor, crm: Scripted
    ) -> None:
        signup = visitor.sign_up(ZOE, prenom="Zoé")
        product.work(signup)
        assert statuses(product, signup) == {"paris": "pending"} and not crm.received
        product.clock.forward(hours=2)
        for _ in range(2):
            assert visitor.open(visitor.link(), "POST").status == 200
            product.work(signup)
        assert statuses(product, signup) == {"paris": "delivered", "crm": "delivered"}
        assert visitor.confirmation(signup)["status"] == "confirmed"
        assert product.paris.rows == [("4781", ZOE, {"firstname": "Zoé"})]
        [notice] = notices(crm)
        assert notice.data["fields"] == {"prenom": "Zoé"} and notice.data["occurred_at"] == "2026-03-01T11:30:00Z"
        assert [(day.accepted, day.delivered) for day in days(product)] == [(1, 1)]
        product.container.sweeper.run()
        assert product.container.events.due_unconfirmed(product.clock() + timedelta(days=9), 10) == []

    def test_nobody_is_told_of_what_was_not_confirmed(self, product: Product, visitor: Visitor, crm: Scripted) -> None:
        signup = visitor.sign_up(ZOE)
        product.work(signup)
        product.clock.forward(hours=73)
        visitor.sweep()
        assert statuses(product, signup) == {"paris": "refused"} and not crm.received
        assert visitor.open(visitor.link(), "POST").status == 410

    def test_a_confirmed_one_is_moved_like_any_other(self, product: Product, visitor: Visitor, crm: Scripted) -> None:
        product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "down")
        signup = visitor.sign_up(ZOE)
        product.work(signup)
        visitor.open(visitor.link(), "POST")
        product.work(signup)
        reconfigure(product, crm, account="lyon", unsubscribe_url_field=None)
        later(product, signup)
        assert statuses(product, signup) == {"lyon": "delivered", "crm": "delivered", "paris": "superseded"}
        assert [(day.accepted, day.delivered) for day in days(product)] == [(1, 1)]
