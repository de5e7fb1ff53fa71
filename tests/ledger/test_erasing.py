"""Attributes that erasure removes from an item, and attributes that stay; on every DynamoDB."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from chalicelib.domain.erasure import contacts_of
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Consent, Event, EventType, Status, Sync
from chalicelib.ledger.erasing import ErasureOutcome, erase, record_waiting, take_contacts_out
from chalicelib.privacy.person_search import PersonEvents, PersonSearch
from tests.operators.support import end
from tests.support.product import START, Product

ZOE = "zoe@example.com"
MAX = {"email": "max@example.com"}
theirs = partial(contacts_of, person=frozenset({ZOE}))


def own(product: Product, event_id: str) -> dict[str, Any]:
    return product.container.table.get((f"E#{event_id}", "E")) or {}


def sync(product: Product, *contacts: dict[str, str]) -> Event:
    now = product.clock()
    asked = Sync("contacts", contacts=contacts)
    return Event("sync", EventType.SYNC, "", ("paris",), now, now, list="4781", sync=asked)


def test_an_erased_signup_keeps_non_personal_data(product: Product) -> None:
    table = product.container.table
    event = product.signup(ZOE, id="one", fields={"prenom": "Zo"}, consent=Consent("https://example.com/", at=START))
    product.store(event)
    before = own(product, "one")
    assert erase(table, "one", START) is ErasureOutcome.WAITING
    assert own(product, "one") == before
    end(product, event, Status.DELIVERED)
    assert [erase(table, "one", START) for _ in range(2)] == [ErasureOutcome.ERASED, ErasureOutcome.NOTHING]
    assert before.keys() - own(product, "one").keys() == {"email", "fields", "consent", "due_pk", "due_sk"}
    assert product.store(event) == ["one"], "the same event again is still the same"
    assert erase(table, "nobody", START) is ErasureOutcome.NOTHING


def test_the_final_write_can_erase_the_event(product: Product) -> None:
    from chalicelib.domain.events import Delivery

    event = product.signup(ZOE, id="one", fields={"prenom": "Zo"})
    product.store(event)
    assert product.container.events.finish(event, Delivery("paris", Status.SUPERSEDED), START, forgotten=True)
    assert not own(product, "one").keys() & {"email", "fields", "consent"}
    assert own(product, "one").keys() >= {"erased", "expires_at"}


def test_an_event_for_several_accounts_is_erased_with_the_last_delivery(product: Product) -> None:
    table = product.container.table
    event = product.unsubscribe(ZOE, id="both", accounts=("paris", "lyon"))
    product.store(event)
    end(product, event, Status.DELIVERED, "lyon")
    assert erase(table, "both", START) is ErasureOutcome.WAITING
    product.container.subscriptions.forget(ZOE, START, "request")
    end(product, event, Status.PARKED, "paris")
    assert "email" not in own(product, "both")
    assert all("erased" in item and "expires_at" in item for item in table.query("E#both"))


def test_deliveries_waiting_for_an_erasure_are_erased_with_it(product: Product) -> None:
    table = product.container.table
    signup, forget_request = product.signup(ZOE, id="one"), product.unsubscribe(ZOE, id="request", forget=True)
    product.store(signup, forget_request)
    assert record_waiting(table, "request", ["one", "gone"])
    product.container.subscriptions.forget(ZOE, START, "request")
    end(product, signup, Status.DELIVERED)
    assert "email" in own(product, "one")
    end(product, forget_request, Status.DELIVERED)
    assert not {"email", "waiting_ids"} & (own(product, "one").keys() | own(product, "request").keys())
    assert not record_waiting(table, "request", ["one"])


def test_a_contact_that_other_calls_keep_from_being_erased_is_an_error(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.store(sync(product, {"email": ZOE}, MAX))
    table = product.container.table
    monkeypatch.setattr(table, "try_update", lambda *_, **__: False)
    with pytest.raises(LedgerUnavailable):
        take_contacts_out(table, "sync", theirs)


def test_one_contact_is_erased_and_the_others_stay(product: Product) -> None:
    table = product.container.table
    product.store(sync(product, {"email": "ZOE@example.com", "prenom": "Zo"}, MAX))
    assert PersonSearch(table).find(ZOE, START, lambda: None) == PersonEvents((), ("sync",))
    assert [take_contacts_out(table, "sync", theirs) for _ in range(2)] == [True, False]
    (stored,) = product.container.events.load(["sync"])
    assert stored.event.sync == Sync("contacts", contacts=(MAX,))
    assert PersonSearch(table).find(ZOE, START, lambda: None) == PersonEvents((), ())


def test_erasing_the_last_contact_removes_the_list(product: Product) -> None:
    product.store(sync(product, {"email": ZOE}))
    assert take_contacts_out(product.container.table, "sync", theirs)
    assert own(product, "sync")["sync"] == {"kind": "contacts"}
    assert not take_contacts_out(product.container.table, "sync", theirs)
    assert not take_contacts_out(product.container.table, "nobody", theirs)
