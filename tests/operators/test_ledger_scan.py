"""Scanning the whole ledger: every delivery once, on any page and segment."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from chalicelib.domain.events import Delivery, Status
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.operators.ledger_scan import PARTS, LedgerScan, OutOfTime
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401
from tests.support.product import START, Product

BOTH = ("paris", "lyon")
MINUTE = timedelta(minutes=1)
EXPIRED = START + timedelta(days=91)


def enough_time() -> None:
    """Never raises: there is enough time."""


@pytest.fixture
def ledger_scan(product: Product) -> LedgerScan:
    return LedgerScan(product.container.table)


@pytest.fixture
def full(product: Product) -> Product:
    """Twelve signups at one account, three unsubscribes at two; a third of all deliveries to paris are final."""
    events = product.container.events
    for n in range(12):
        product.clock.forward(minutes=1)
        event = product.signup(f"p{n}@example.com", id=f"s{n}", fields={"nom": "x" * 3000})
        events.store(event)
        if n % 3 == 0:
            events.finish(event, Delivery("paris", Status.REFUSED), START)
    for n in range(3):
        event = product.unsubscribe(f"p{n}@example.com", id=f"u{n}", accounts=BOTH)
        events.store(event)
    events.finish(event, Delivery("paris", Status.DELIVERED), START)
    product.container.accounts.record_configured(["paris"])
    product.container.subscriptions.record_unsubscribe_for_all_accounts(event)
    return product


def find(ledger_scan: LedgerScan, status: Status, when: timedelta = timedelta(0)) -> list[str]:
    parts = (ledger_scan.find(part, status, START + when, enough_time) for part in range(PARTS))
    return sorted(event_id for pages in parts for page in pages for event_id in page)


def test_an_empty_ledger_has_no_deliveries(ledger_scan: LedgerScan) -> None:
    assert ledger_scan.delivery_counts(START, enough_time).counts == {}
    assert find(ledger_scan, Status.PENDING) == []


def test_every_delivery_is_counted_once(full: Product, ledger_scan: LedgerScan) -> None:
    delivery_counts = ledger_scan.delivery_counts(START, enough_time)
    assert delivery_counts.counts == {
        "paris": Counter({Status.PENDING: 10, Status.REFUSED: 4, Status.DELIVERED: 1}),
        "lyon": Counter({Status.PENDING: 3}),
    }
    assert delivery_counts.oldest == {"paris": to_ms(START + 2 * MINUTE), "lyon": to_ms(START + 12 * MINUTE)}


def test_expired_items_are_not_counted(full: Product, ledger_scan: LedgerScan) -> None:
    """DynamoDB deletes it up to days later."""
    delivery_counts = ledger_scan.delivery_counts(EXPIRED, enough_time)
    assert delivery_counts.counts["paris"] == Counter({Status.PENDING: 10, Status.DELIVERED: 1})
    assert find(ledger_scan, Status.REFUSED, timedelta(days=91)) == []


def test_a_delivery_without_a_stored_event_is_not_counted(full: Product, ledger_scan: LedgerScan) -> None:
    full.container.table.put_new({"pk": "E#half", "sk": "D#lyon", "status": "pending", "attempts": 0})
    assert ledger_scan.delivery_counts(START, enough_time).counts["lyon"] == Counter({Status.PENDING: 3})


def test_events_are_found_by_status(full: Product, ledger_scan: LedgerScan) -> None:
    assert find(ledger_scan, Status.REFUSED) == ["s0", "s3", "s6", "s9"]
    assert find(ledger_scan, Status.DELIVERED) == ["u2"]
    assert find(ledger_scan, Status.PENDING) == sorted([f"s{n}" for n in range(12) if n % 3] + ["u0", "u1", "u2"])


def test_the_scan_stops_without_remaining_time(full: Product, ledger_scan: LedgerScan) -> None:
    def now() -> None:
        raise OutOfTime

    with pytest.raises(OutOfTime):
        ledger_scan.delivery_counts(START, now)
