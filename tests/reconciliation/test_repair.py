"""Findings and repairs of the nightly pass, quarantine: the same on every DynamoDB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.events import Delivery, Event, EventType, Status
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger.event_puts import put_delivery
from chalicelib.ledger.events import EventStore
from chalicelib.ledger.quarantine import QuarantineStore
from chalicelib.operators.requeue import Requeues
from chalicelib.reconciliation import findings
from chalicelib.reconciliation.findings import Finding, FindingStore
from chalicelib.reconciliation.nightly_pass import Checkpoints
from chalicelib.reconciliation.rules import Progress
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401
from tests.support.product import START, Product

BOTH = ("paris", "lyon")
NIGHT = START + timedelta(hours=17)


def found(product: Product) -> dict[str, Finding]:
    """Findings of the pass, by event id and sort key, over any number of pages."""
    tool, after, all_of_it = FindingStore(product.container), None, list[Finding]()
    for _ in range(99):
        page = tool.page(after, NIGHT)
        all_of_it, after = all_of_it + page.findings, page.after
        if after is None:
            break
    else:
        raise AssertionError("the pages have no end")
    assert len({one.key for one in all_of_it}) == len(all_of_it), "each item once"
    return {f"{one.event_id} {one.key[1]}": one for one in all_of_it}


def change(product: Product, key: tuple[str, str], how: str) -> None:
    product.container.table.update(key, how)


def store_event(product: Product, name: str, *accounts: str, final: bool = False) -> Event:
    event = product.unsubscribe(f"{name}@example.com", id=name, accounts=accounts or ("paris",))
    product.store(event)
    for account in event.accounts if final else ():
        product.container.events.finish(event, Delivery(account, Status.DELIVERED), START)
    return event


def test_every_kind_of_finding_is_detected_and_nothing_else(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "PAGE_ITEMS", 3)
    store_event(product, "done", final=True)
    store_event(product, "whole", *BOTH, final=True)
    store_event(product, "overdue")
    change(product, ("E#whole", "D#lyon"), "REMOVE expires_at")
    store_event(product, "for-ever", final=True)
    change(product, ("E#for-ever", "E"), "REMOVE expires_at")
    product.clock.forward(hours=16, minutes=30)
    store_event(product, "fresh")
    store_event(product, "nowhere", *BOTH)
    change(product, ("E#nowhere", "D#paris"), "REMOVE due_sk")
    store_event(product, "expiring")
    change(product, ("E#expiring", "E"), "SET expires_at = accepted")
    product.container.table.put_new({"pk": "A#word", "sk": "paris", "unsubscribed_at": 1})
    looked_at = found(product)
    assert set(looked_at) == {
        "whole D#lyon", "overdue E", "for-ever E", "nowhere D#paris", "nowhere E", "expiring E",
    }  # fmt: skip
    assert (looked_at["overdue E"].status, looked_at["overdue E"].account) == (Status.PENDING, "paris")
    assert (looked_at["nowhere E"].status, looked_at["nowhere E"].account) == (None, None)
    assert (looked_at["whole D#lyon"].account, looked_at["whole D#lyon"].is_single) == ("lyon", False)
    assert looked_at["for-ever E"].is_single


def test_a_restored_delivery_is_due_again_unless_it_changed(product: Product, events: EventStore) -> None:
    tool = FindingStore(product.container)
    event = store_event(product, "a")
    seen = found(product)["a E"]
    assert tool.is_in_index(seen)
    delivery = Delivery("paris")
    events.postpone(event, delivery, NIGHT, NIGHT)
    assert not tool.put_back(event, delivery, seen, NIGHT), "a worker has put it off since"
    change(product, ("E#a", "E"), "REMOVE due_pk, due_sk")
    lost = found(product)["a E"]
    assert not tool.is_in_index(lost)
    assert events.due("paris", EventType.UNSUBSCRIBE, None, 10) == []
    assert tool.put_back(event, delivery, lost, NIGHT)
    assert not tool.put_back(event, delivery, lost, NIGHT), "once"
    assert events.due("paris", EventType.UNSUBSCRIBE, NIGHT, 10) == ["a"]
    change(product, ("E#a", "E"), "REMOVE due_pk, due_sk")
    events.finish(event, Delivery("paris", Status.DELIVERED), NIGHT)
    assert not tool.put_back(event, delivery, lost, NIGHT), "it is final"


def test_only_unchanged_items_expire(product: Product, events: EventStore) -> None:
    tool = FindingStore(product.container)
    store_event(product, "a", final=True)
    change(product, ("E#a", "E"), "REMOVE expires_at")
    seen = found(product)["a E"]
    (stored,) = events.load(["a"])
    assert Requeues(product.container).requeue(stored, "paris", NIGHT)
    assert not tool.let_expire(seen, NIGHT), "an operator has sent it again since"
    events.finish(stored.event, Delivery("paris", Status.DELIVERED), NIGHT)
    assert not tool.let_expire(seen, NIGHT), "and it has an expiry of its own by now"
    change(product, ("E#a", "E"), "REMOVE expires_at")
    assert tool.let_expire(seen, NIGHT)
    assert (product.container.table.get(("E#a", "E")) or {})["expires_at"] == events.expiry(NIGHT)


def test_a_retired_delivery_is_due_again_when_its_event_is_stored(product: Product, events: EventStore) -> None:
    event = product.unsubscribe("a@example.com", id="a", accounts=BOTH)
    put_delivery(product.container.table, event, "paris", events.expiry)
    (orphan,) = found(product).values()
    assert FindingStore(product.container).let_expire(orphan, NIGHT)
    assert events.due("paris", EventType.UNSUBSCRIBE, None, 10) == []
    assert events.store(event)
    assert events.due("paris", EventType.UNSUBSCRIBE, None, 10) == ["a"]
    assert "expires_at" not in (product.container.table.get(("E#a", "D#paris")) or {})


def test_a_pass_is_leased_recorded_and_released(product: Product) -> None:
    store = Checkpoints(product.container.table)
    assert store.read() is None
    assert store.claim("one", START, START + timedelta(seconds=55)) == (True, None)
    assert store.claim("two", START, NIGHT) == (False, None)
    going = Progress("2026-03-01", ("E#1", "D#paris"), pages=3)
    assert store.save("one", going, START)
    assert store.read() == going
    assert store.claim("two", START, NIGHT) == (True, going)
    assert not store.save("one", Progress("2026-03-01", complete=True), START)


@pytest.mark.parametrize("accounts", [("paris",), BOTH])
def test_a_quarantined_delivery_is_due_a_day_later_or_when_released(
    product: Product, events: EventStore, accounts: tuple[str, ...]
) -> None:
    until = START + timedelta(days=1)
    event = product.unsubscribe("a@example.com", id="a", accounts=accounts)
    assert events.store(event)
    store = QuarantineStore(product.container.table)
    assert store.quarantine(event, "paris", until, START)
    (stored,) = events.load(["a"])
    assert stored.deliveries["paris"] == Delivery(
        "paris",
        reason="quarantined",
        reason_code=ReasonCode.QUARANTINED,
        next_attempt_at=until,
        updated_at=START,
        quarantined=True,
    )
    assert events.due("paris", EventType.UNSUBSCRIBE, until - timedelta(seconds=1), 10) == []
    assert events.due("paris", EventType.UNSUBSCRIBE, until, 10) == ["a"]
    requeues = Requeues(product.container)
    assert requeues.release(stored, "paris", NIGHT)
    assert not requeues.release(stored, "paris", NIGHT)
    assert events.due("paris", EventType.UNSUBSCRIBE, NIGHT, 10) == ["a"]
    (released,) = events.load(["a"])
    assert released.deliveries["paris"] == Delivery("paris", updated_at=NIGHT, resent_at=NIGHT, released=True)
    assert not store.quarantine(event, "paris", until, NIGHT), "an operator has released it"


@pytest.mark.parametrize("accounts", [("paris",), BOTH])
def test_a_discarded_event_is_erased_once_it_is_final(
    product: Product, events: EventStore, accounts: tuple[str, ...]
) -> None:
    until = START + timedelta(days=1)
    event = product.unsubscribe("a@example.com", id="a", accounts=accounts)
    assert events.store(event)
    store, requeues = QuarantineStore(product.container.table), Requeues(product.container)
    for account in accounts:
        assert store.quarantine(event, account, until, START)
    (stored,) = events.load(["a"])
    for account in accounts:
        assert events.load(["a"])[0].event.email == "a@example.com"
        assert requeues.discard(stored, account, NIGHT)
        assert not requeues.discard(stored, account, NIGHT)
    (discarded,) = events.load(["a"])
    assert discarded.event.email == ""
    assert {(each.status, each.reason) for each in discarded.deliveries.values()} == {(Status.REFUSED, "discarded")}
    assert not any(requeues.requeue(discarded, account, NIGHT) for account in accounts)
    assert all("expires_at" in item for item in product.container.table.query("E#a"))
