"""Many events stored at once: all or 503, each once, and notified by few messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Event
from chalicelib.ingestion.accept import TIME_TO_STORE, accept_all
from tests.support.aws import TestAws
from tests.support.product import Product


def messages(aws: TestAws, queue: str) -> list[list[str]]:
    """The ids of each message that waits in a queue."""
    answer = aws.sqs.receive_message(
        QueueUrl=aws.queue_url(f"relais-local-{queue}"), MaxNumberOfMessages=10, WaitTimeSeconds=0
    )
    return [json.loads(message["Body"])["event_ids"] for message in answer.get("Messages", [])]


@pytest.mark.seconds
def test_many_events_are_stored_and_notified_by_few_messages(product: Product, resources: TestAws) -> None:
    joined = [product.signup(f"person{number}@example.com", id=f"in-{number}") for number in range(300)]
    left = [
        product.unsubscribe(f"person{number}@example.com", id=f"out-{number}", accounts=("paris", "lyon"))
        for number in range(3)
    ]
    assert accept_all(product.container, [*left, *joined]) == [True] * 303
    assert sorted(map(len, messages(resources, "signups"))) == [50, 250]
    assert messages(resources, "unsubscribes") == [["out-0", "out-1", "out-2"]]
    stored = product.container.events.load([event.id for event in joined + left])
    assert len(stored) == 303
    assert {len(one.deliveries) for one in stored} == {1, 2}


def test_a_repeated_event_is_accepted_and_notified_again(product: Product, resources: TestAws) -> None:
    events = [product.signup("zoe@example.com", id="a"), product.unsubscribe("zoe@example.com", id="b")]
    assert accept_all(product.container, events) == [True, True]
    later = [replace(event, accepted_at=event.accepted_at + timedelta(hours=1)) for event in events]
    assert accept_all(product.container, later) == [True, True]
    assert messages(resources, "signups") == [["a"], ["a"]]
    assert product.view("a")["accepted_at"] == "2026-03-01T09:30:00Z"


def test_the_first_event_of_an_id_in_a_batch_counts(product: Product, resources: TestAws) -> None:
    first, other = product.signup("first@example.com", id="a"), product.signup("other@example.com", id="a")
    assert accept_all(product.container, [first, other, first, other]) == [True, False, True, False]
    assert messages(resources, "signups") == [["a"]]
    assert product.container.events.load(["a"])[0].event.email == "first@example.com"


def test_an_id_stored_with_other_content_is_a_conflict_and_not_notified(product: Product, resources: TestAws) -> None:
    product.store(product.signup("first@example.com", id="a"))
    events = [product.unsubscribe("first@example.com", id="a"), product.signup("zoe@example.com", id="b")]
    assert accept_all(product.container, events) == [False, True]
    assert messages(resources, "unsubscribes") == []
    assert messages(resources, "signups") == [["b"]]


def test_one_failed_write_fails_the_batch_and_repeating_is_safe(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [product.signup(f"person{number}@example.com", id=f"in-{number}") for number in range(40)]
    hold = product.container.events.store

    def fails_once(event: Event) -> bool:
        if event.id == "in-30":
            raise LedgerUnavailable("down")
        return hold(event)

    with monkeypatch.context() as broken:
        broken.setattr(product.container.events, "store", fails_once)
        with pytest.raises(LedgerUnavailable):
            accept_all(product.container, events)
    assert accept_all(product.container, events) == [True] * 40
    assert len(messages(resources, "signups")[0]) == 40


def test_a_slow_ledger_is_abandoned_before_the_client_times_out(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def slow(event: Event) -> bool:
        tried.append(event)
        product.clock.now += TIME_TO_STORE
        return True

    monkeypatch.setattr(product.container.events, "store", slow)
    with pytest.raises(LedgerUnavailable, match="slow"):
        accept_all(product.container, [product.signup("zoe@example.com", id=f"{number}") for number in range(100)])
    assert len(tried) < 40
