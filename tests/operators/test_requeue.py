"""Requeueing a delivery: only if it is unchanged since it was read, and never if it has expired or was erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import Delivery, Event, EventType, Status, StoredEvent
from chalicelib.ledger.events import EventStore
from chalicelib.operators.requeue import Requeues
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401
from tests.support.product import START, Product

BOTH = ("paris", "lyon")
LATER = START + timedelta(hours=1)
REFUSED = Delivery("paris", Status.REFUSED, attempts=3, reason="no such column")


@pytest.fixture
def requeues(product: Product) -> Requeues:
    return Requeues(product.container)


def stored(events: EventStore) -> StoredEvent:
    return events.load(["a"])[0]


def expiries(product: Product) -> list[int | None]:
    return [item.get("expires_at") for item in product.container.table.query("E#a")]


@pytest.fixture
def refused(product: Product, events: EventStore) -> Event:
    event = product.signup("zoe@example.com", id="a")
    events.store(event)
    events.finish(event, REFUSED, START)
    return event


@pytest.fixture
def both(product: Product, events: EventStore) -> Event:
    event = product.unsubscribe("zoe@example.com", id="a", accounts=BOTH)
    events.store(event)
    events.finish(event, REFUSED, START)
    events.finish(event, Delivery("lyon", Status.DELIVERED, attempts=1), START)
    assert None not in expiries(product)
    return event


def test_a_requeued_delivery_is_pending_due_and_does_not_expire(
    product: Product, events: EventStore, requeues: Requeues, refused: Event
) -> None:
    assert requeues.requeue(stored(events), "paris", LATER) is True
    again = Delivery("paris", attempts=3, updated_at=LATER, resent_at=LATER)
    assert stored(events).deliveries == {"paris": again}
    assert events.due("paris", EventType.SIGNUP, LATER, 10) == ["a"]
    assert expiries(product) == [None]


def test_concurrent_requeues_happen_once(events: EventStore, requeues: Requeues, refused: Event) -> None:
    seen = stored(events)
    assert [requeues.requeue(seen, "paris", LATER) for _ in range(2)] == [True, False]


def test_a_delivery_changed_meanwhile_is_not_requeued(events: EventStore, requeues: Requeues, refused: Event) -> None:
    seen = stored(events)
    parked = replace(seen, deliveries={"paris": replace(REFUSED, status=Status.PARKED)})
    assert requeues.requeue(parked, "paris", LATER) is False
    assert requeues.requeue(replace(seen, event=replace(refused, email="erased@example.com")), "paris", LATER) is False
    assert requeues.requeue(seen, "paris", START + timedelta(days=90)) is False, "it has expired"
    assert stored(events).deliveries["paris"].status is Status.REFUSED


def test_one_of_several_accounts_is_requeued(
    product: Product, events: EventStore, requeues: Requeues, both: Event
) -> None:
    assert requeues.requeue(stored(events), "paris", LATER) is True
    deliveries = stored(events).deliveries
    assert (deliveries["paris"].status, deliveries["lyon"].status) == (Status.PENDING, Status.DELIVERED)
    assert expiries(product) == [None] * 3
    assert events.finish(both, Delivery("paris", Status.DELIVERED, attempts=4), LATER)
    assert None not in expiries(product)


def test_a_worker_that_read_it_as_final_cannot_set_its_expiry(
    product: Product, events: EventStore, requeues: Requeues, both: Event
) -> None:
    stale = product.container.table.query("E#a")
    assert requeues.requeue(stored(events), "paris", LATER) is True
    for item in stale:
        events._expire(item, LATER)
    assert expiries(product) == [None] * 3


def test_a_delivery_requeued_and_finished_by_another_call_stays(
    product: Product, events: EventStore, requeues: Requeues, both: Event
) -> None:
    seen = stored(events)
    assert requeues.requeue(seen, "paris", LATER) is True
    events.finish(both, Delivery("paris", Status.DELIVERED, attempts=4), LATER)
    assert requeues.requeue(seen, "paris", LATER) is False
    assert None not in expiries(product)
