"""Every transition of a delivery is a conditional write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import IdConflict
from chalicelib.domain.events import Consent, Delivery, Event, EventType, Status, StoredEvent
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.ledger.event_items import FIRST_DUE, FIRST_DUE_SPREAD_SECONDS
from chalicelib.ledger.events import EventStore
from chalicelib.ledger.keys import IndexRange, attention_entry, parse_sort_key, sort_key
from tests.support.product import START, Product

FINAL = [Status.DELIVERED, Status.REFUSED, Status.SUPERSEDED, Status.PARKED]
LATER = START + timedelta(minutes=7)
BOTH = ("paris", "lyon")


@pytest.fixture
def stored(product: Product, events: EventStore) -> Event:
    event = product.signup("zoe@example.com", id="a")
    assert events.store(event)
    return event


def delivery(events: EventStore, account: str = "paris") -> Delivery:
    return events.load(["a"])[0].deliveries[account]


def item(product: Product, sort: str = "E") -> dict[str, Any]:
    found = product.container.table.get(("E#a", sort))
    assert found is not None
    return found


def due(events: EventStore, **how: Any) -> list[str]:
    return events.due("paris", how.get("verb", EventType.SIGNUP), how.get("horizon"), how.get("limit", 10))


class TestStoring:
    def test_a_stored_event_is_loaded_unchanged(self, product: Product, events: EventStore) -> None:
        consent = Consent("https://www.example.com/", "v2", "192.0.2.1", START - timedelta(seconds=3))
        event = product.signup(
            "Zoé@example.com",
            fields={"prenom": "Zoé", "nom": ""},
            form="footer",
            may_lift_suppression=False,
            consent=consent,
        )
        leave = product.unsubscribe("zoé@example.com", accounts=BOTH, scope="global", all_accounts=True)
        assert events.store(event) and events.store(leave)
        loaded = {one.event.id: one for one in events.load([event.id, leave.id, "unknown"])}
        untried = {account: Delivery(account, updated_at=START) for account in BOTH}
        assert loaded == {
            event.id: StoredEvent(event, {"paris": untried["paris"]}),
            leave.id: StoredEvent(leave, untried),
        }

    def test_a_repeated_event_is_already_stored(self, product: Product, events: EventStore, stored: Event) -> None:
        again = replace(stored, accepted_at=LATER, consent=Consent(ip="192.0.2.9"))
        assert events.store(again) is False
        assert delivery(events).updated_at == START

    def test_another_spelling_of_the_address_is_the_same_content(self, product: Product, events: EventStore) -> None:
        leave = product.unsubscribe("Zoe@müller.example", id="left")
        assert events.store(leave)
        assert not events.store(replace(leave, email="zoe@xn--mller-kva.example"))
        with pytest.raises(IdConflict):
            events.store(replace(leave, email="Zo e@müller.example"))

    @pytest.mark.parametrize(
        "other", [{"email": "other@example.com"}, {"list": "4782"}, {"fields": {"nom": "x"}}, {"occurred_at": LATER}]
    )
    def test_the_id_with_other_content_is_a_conflict(
        self, events: EventStore, stored: Event, other: dict[str, Any]
    ) -> None:
        with pytest.raises(IdConflict):
            events.store(replace(stored, **other))
        assert events.load(["a"])[0].event == stored

    def test_of_concurrent_writers_one_stores_the_event(self, product: Product, events: EventStore) -> None:
        event = product.signup("zoe@example.com")
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: events.store(event), range(16)))
        assert sorted(results) == [False] * 15 + [True]

    def test_an_event_refused_at_acceptance_is_final_and_expires(self, product: Product, events: EventStore) -> None:
        assert events.store(product.signup("zoe@example.com", id="a", refused="trap"))
        assert (delivery(events).status, delivery(events).reason) == (Status.REFUSED, "trap")
        assert item(product)["expires_at"] == int((START + timedelta(days=90)).timestamp())
        assert due(events) == []


class TestFinishing:
    @pytest.mark.parametrize("status", FINAL)
    def test_a_finished_delivery_is_not_due_any_more_and_expires(
        self, product: Product, events: EventStore, stored: Event, status: Status
    ) -> None:
        assert due(events) == ["a"]
        assert events.finish(stored, Delivery("paris", status, attempts=2, reason="why"), LATER) is True
        assert delivery(events) == Delivery("paris", status, 2, "why", updated_at=LATER)
        assert item(product)["expires_at"] == int((LATER + timedelta(days=90)).timestamp())
        assert "next_at" not in item(product)
        listed = status in (Status.PARKED, Status.REFUSED)
        place = attention_entry("paris", status, START) if listed else {}
        assert {name: one for name, one in item(product).items() if name in ("due_pk", "due_sk")} == place
        assert due(events) == []

    @pytest.mark.parametrize("first", FINAL)
    def test_a_final_delivery_is_not_changed(
        self, product: Product, events: EventStore, stored: Event, first: Status
    ) -> None:
        assert events.finish(stored, Delivery("paris", first, attempts=1), START)
        before = item(product)
        assert events.finish(stored, Delivery("paris", Status.DELIVERED, attempts=9), LATER) is False
        assert events.postpone(stored, Delivery("paris", attempts=9), LATER, LATER) is False
        assert events.defer(stored, Delivery("paris", attempts=1), LATER) is False
        events.mark_unknown(["a"], "paris", "token")
        assert item(product) == before

    def test_success_removes_the_reason(self, events: EventStore, stored: Event) -> None:
        failed = Delivery("paris", attempts=1, reason="HTTP 503", next_attempt_at=LATER)
        assert events.postpone(stored, failed, LATER, START)
        assert events.finish(stored, replace(failed, status=Status.DELIVERED, reason=None), LATER)
        assert delivery(events) == Delivery("paris", Status.DELIVERED, 1, updated_at=LATER)

    def test_an_unknown_event_cannot_be_finished(self, product: Product, events: EventStore) -> None:
        event = product.signup("zoe@example.com", id="a")
        assert events.finish(event, Delivery("paris", Status.DELIVERED), START) is False
        assert events.postpone(event, Delivery("paris"), LATER, START) is False
        assert events.defer(event, Delivery("paris"), LATER) is False
        assert events.load(["a"]) == [] and events.status("a", "paris") is None

    def test_an_event_for_several_accounts_expires_once_its_last_delivery_is_final(
        self, product: Product, events: EventStore
    ) -> None:
        event = product.unsubscribe("zoe@example.com", id="a", accounts=BOTH)
        events.store(event)
        events.finish(event, Delivery("paris", Status.DELIVERED), START)
        assert not any("expires_at" in item(product, sort) for sort in ("E", "D#paris", "D#lyon"))
        events.finish(event, Delivery("lyon", Status.SUPERSEDED), LATER)
        expiry = int((LATER + timedelta(days=90)).timestamp())
        assert [item(product, sort)["expires_at"] for sort in ("E", "D#paris", "D#lyon")] == [expiry] * 3

    def test_a_missing_expiry_is_written_by_the_next_worker(self, product: Product, events: EventStore) -> None:
        """The worker that finished the last delivery may have died before it wrote the expiry."""
        event = product.unsubscribe("zoe@example.com", id="a", accounts=BOTH)
        events.store(event)
        for account in BOTH:
            key = ("E#a", f"D#{account}")
            product.container.table.update(key, "SET #s = :final", {"final": "delivered"}, names={"s": "status"})
        assert events.finish(event, Delivery("lyon", Status.DELIVERED), LATER) is False
        assert "expires_at" in item(product)


class TestWaiting:
    def test_a_failed_attempt_stays_pending_and_is_due_again(
        self, product: Product, events: EventStore, stored: Event
    ) -> None:
        failed = Delivery("paris", attempts=1, reason="HTTP 503", unknown_outcome=True, next_attempt_at=LATER)
        assert events.postpone(stored, failed, LATER, START)
        assert delivery(events) == replace(failed, updated_at=START)
        second = LATER + timedelta(seconds=1)
        assert due(events, horizon=LATER - timedelta(seconds=1)) == []
        assert due(events, horizon=second) == ["a"]
        assert events.postpone(stored, replace(failed, attempts=2, reason=None), second, LATER)
        assert (delivery(events).attempts, delivery(events).reason) == (2, "HTTP 503"), (
            "kept until there is another reason"
        )

    def test_an_untried_delivery_is_deferred_unless_another_worker_tried_it(
        self, product: Product, events: EventStore, stored: Event
    ) -> None:
        seen = delivery(events)
        assert events.defer(stored, seen, LATER) is True
        assert item(product)["due_sk"] == sort_key(IndexRange.SIGNUP, to_ms(LATER))
        assert events.postpone(stored, replace(seen, attempts=1), START, START)
        assert events.defer(stored, seen, LATER + timedelta(hours=1)) is False
        assert item(product)["due_sk"] == sort_key(IndexRange.SIGNUP, to_ms(START))

    def test_a_lost_attempt_counts_once(self, events: EventStore, stored: Event) -> None:
        for _ in range(3):
            events.mark_unknown(["a"], "paris", "first")
        assert (delivery(events).attempts, delivery(events).unknown_outcome) == (1, True)
        events.mark_unknown(["a"], "paris", "second")
        assert delivery(events).attempts == 2
        events.mark_unknown(["a"], "nowhere", "third")
        events.mark_unknown(["unknown"], "paris", "third")
        assert delivery(events).attempts == 2


class TestIndex:
    def test_first_due_times_are_a_minute_ahead_and_spread(self, product: Product, events: EventStore) -> None:
        for n in range(12):
            events.store(product.signup(f"p{n}@example.com", id=f"e{n}"))
        times = [product.container.table.get((f"E#e{n}", "E")) or {} for n in range(12)]
        offsets = {(parse_sort_key(each["due_sk"])[1] - to_ms(START)) / 1000 for each in times}
        first = int(FIRST_DUE.total_seconds())
        assert first <= min(offsets) and max(offsets) <= first + FIRST_DUE_SPREAD_SECONDS and len(offsets) > 3
        assert due(events, horizon=START + FIRST_DUE - timedelta(seconds=1), limit=50) == []

    @pytest.fixture
    def ten(self, product: Product, events: EventStore) -> list[str]:
        """Ten signups, due minute after minute, and others that are not asked for."""
        ids = [f"e{n}" for n in range(10)]
        for n, event_id in enumerate(ids):
            event = product.signup(f"p{n}@example.com", id=event_id)
            events.store(event)
            events.defer(event, Delivery("paris"), START + timedelta(minutes=n))
        events.store(product.unsubscribe("zoe@example.com", id="leaves"))
        events.store(product.signup("zoe@example.com", id="elsewhere", accounts=("lyon",)))
        return ids

    def test_the_earliest_of_a_type_come_first(self, events: EventStore, ten: list[str]) -> None:
        assert due(events, limit=50) == ten
        assert due(events, limit=4) == ten[:4]
        assert due(events, horizon=START + timedelta(minutes=6), limit=50) == ten[:7]
        assert due(events, verb=EventType.UNSUBSCRIBE) == ["leaves"]
        assert events.due("lyon", EventType.SIGNUP, None, 10) == ["elsewhere"]
        assert events.due("nowhere", EventType.SIGNUP, None, 10) == []
