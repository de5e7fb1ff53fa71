"""Kept bodies of refused messages: found by `export_person`, erased by `forget`, in any spelling."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.addresses import normal_forms
from chalicelib.domain.kept_bodies import mentions
from tests.operators.support import resend
from tests.privacy.support import export, forget, holders
from tests.support.memory import MemoryDynamo
from tests.support.product import Product

ZOE = "zoe@example.com"
SIGNUP: dict[str, Any] = {"type": "signup", "id": "in-1", "form": "nowhere", "email": ZOE}

SYNC = {"type": "sync", "kind": "contacts", "account": "gone", "list": "1"}
BODIES = [
    pytest.param(SIGNUP, id="field-4-forget"),
    {**SIGNUP, "email": "ZOE@Example.com."},
    {**SIGNUP, "email": "Zoé <zoe@example.com>"},
    {**SIGNUP, "email": "\u200bzoe@example.com"},
    {**SIGNUP, "email": ["zoe@example.com"]},
    {**SIGNUP, "email": None, "mail": "zoe@example.com"},
    {**SIGNUP, "fields": {"mail": "mailto:zoe%40example.com?subject=x"}},
    {**SIGNUP, "email": None, "note": "please take zoe@example.com, and thank you"},
    {**SIGNUP, "email": None, "zoe@example.com": True},
    {**SIGNUP, "email": None, "url": "https://www.example.org/?email=zoe%40example.com&x=1"},
    "please remove zoe@example.com from the list",
    json.dumps(json.dumps({"email": "zoe\\u0040example.com"})),
    {
        "type": "sync",
        "kind": "contacts",
        "account": "gone",
        "list": "1",
        "contacts": [{"email": ZOE}, {"email": "b@x.org"}],
    },
]


def body_text(body: Any) -> str:
    return json.dumps(body)


@pytest.mark.parametrize("body", BODIES)
def test_a_kept_body_is_exported_and_forgotten(product: Product, ledger: MemoryDynamo, body: Any) -> None:
    product.work(bodies=(body_text(body), {**SIGNUP, "email": "anna@example.com", "id": "in-2"}))
    exported = export(product)["events"]
    assert len(exported) == 1
    assert exported[0]["message"]["queue"] == "signups"
    assert "b@x.org" not in json.dumps(exported)
    assert "anna@example.com" not in json.dumps(exported)
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert holders(ledger, "zoe@example") == []
    assert holders(ledger, "zoe%40example") == []
    assert export(product)["events"] == [] or "body" not in json.dumps(export(product)["events"])
    assert export(product, "anna@example.com")["events"] != []
    assert resend(product, status="refused", id="in-1") == {"resent": 0}


@pytest.mark.parametrize("spelling", ["zoe@xn--mller-kva.example", "ZOE@MÜLLER.example", "zoe@müller.example."])
def test_a_kept_body_is_found_under_another_spelling(product: Product, ledger: MemoryDynamo, spelling: str) -> None:
    product.work(bodies=({**SIGNUP, "email": spelling},))
    assert len(export(product, "zoe@müller.example")["events"]) == 1
    assert forget(product, "zoe@müller.example")["erased"] == 1
    assert holders(ledger, "ller.example") == []
    assert holders(ledger, "xn--mller") == []


def test_the_other_contacts_of_a_refused_sync_stay(product: Product, ledger: MemoryDynamo) -> None:
    contacts = [{"email": "Zoe@example.com"}, {"email": "b@x.org"}]
    product.work(bodies=({"type": "sync", "kind": "contacts", "account": "gone", "list": "1", "contacts": contacts},))
    assert forget(product)["erased"] == 1
    assert holders(ledger, "zoe@example.com") == []
    assert len(holders(ledger, "b@x.org")) == 1


def test_two_people_who_are_forgotten_at_the_same_time_are_both_taken_out_of_a_body(
    product: Product, ledger: MemoryDynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = [{"email": ZOE}, {"email": "max@example.com"}, {"email": "b@x.org"}]
    product.work(bodies=({**SYNC, "contacts": contacts},))
    table = product.container.table
    update = table.try_update

    def after_another(key: Any, change: str, *rest: Any, **options: Any) -> bool:
        if "body" in change:
            monkeypatch.setattr(table, "try_update", update)
            assert forget(product, "max@example.com") == {"erased": 1, "waiting": 0}
        return update(key, change, *rest, **options)

    monkeypatch.setattr(table, "try_update", after_another)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert [holders(ledger, email) for email in (ZOE, "max@example.com")] == [[], []]
    assert len(holders(ledger, "b@x.org")) == 1


def test_others_with_a_similar_address_are_not_touched(product: Product) -> None:
    for number, email in enumerate(["azoe@example.com", "zoe@example.com.au", "zoe@example.org", "zoe+1@example.com"]):
        product.work(bodies=({**SIGNUP, "id": f"in-{number}", "email": email},))
    assert export(product)["events"] == []
    assert forget(product) == {"erased": 0, "waiting": 0}


@pytest.mark.seconds
def test_a_refused_message_with_many_events_loses_one_person(product: Product, ledger: MemoryDynamo) -> None:
    """More than a thousand events: the message is refused and kept as a whole."""
    events = [{**SIGNUP, "email": f"p{number}@x.org"} for number in range(1000)]
    product.work(bodies=([*events, SIGNUP],))
    (exported,) = export(product)["events"]
    assert exported["message"]["body"] == [SIGNUP]
    assert forget(product)["erased"] == 1
    assert holders(ledger, ZOE) == []
    assert export(product)["events"] == []
    assert len(export(product, "p7@x.org")["events"]) == 1


def test_an_erased_body_is_not_read_again(product: Product, ledger: MemoryDynamo) -> None:
    product.work(bodies=(SIGNUP,))
    forget(product)
    forms = {**product.settings.forms, "nowhere": replace(product.settings.forms["footer"], name="nowhere")}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    assert resend(product, status="refused") == {"resent": 0}
    assert resend(product, status="refused", id="in-1") == {"resent": 0}
    assert holders(ledger, ZOE) == []


@pytest.mark.parametrize(
    "text",
    ["@" * 250_000, "a@" * 120_000, "x@" + " " * 250_000, "%40" * 80_000, "&#64;" * 50_000, '"a' * 100_000 + "@b"],
)
def test_the_search_of_a_body_takes_time_in_proportion_to_its_size(text: str) -> None:
    assert not mentions({"email": text}, normal_forms(ZOE))
