"""Messages that the worker forwards: syncs to their own queue, and excess events to the next invocation."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from chalicelib.delivery import worker
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.ledger.events import EventStore, Loaded
from chalicelib.observability import metrics
from chalicelib.reconciliation.sweep import Sweep
from tests.support.aws import TestAws
from tests.support.product import Product


def test_events_are_loaded_in_bounded_numbers(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_EVENTS", 5)
    looked_up: list[int] = []
    load = EventStore.load_well_formed

    def counted(self: EventStore, event_ids: Sequence[str]) -> Loaded:
        ids = list(event_ids)
        looked_up.append(len(ids))
        return load(self, ids)

    monkeypatch.setattr(EventStore, "load_well_formed", counted)
    ids = product.store(*(product.signup(f"person{number}@example.com") for number in range(12)))
    enqueued = ids
    for expected in (5, 5, 2):
        product.work(*enqueued)
        assert looked_up.pop(0) == expected
        queue = resources.queue_url("relais-local-signups")
        messages = resources.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0).get("Messages", [])
        for message in messages:
            resources.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        enqueued = [one for message in messages for one in json.loads(message["Body"])["event_ids"]]
    assert enqueued == []
    assert sorted(product.paris.emails) == sorted(f"person{number}@example.com" for number in range(12))


def test_a_paused_account_does_not_delay_a_sync(product: Product) -> None:
    """Signups of a sync are stored; their deliveries wait for the account."""
    product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "busy", retry_after=3600)
    product.work(*product.store(product.signup("zoe@example.com")))
    contacts = [{"email": "lea@example.com"}]
    event = {"type": "sync", "id": "s", "kind": "contacts", "account": "paris", "list": "4781", "contacts": contacts}
    product.work(bodies=(event,), queue="signups")
    product.clock.forward(seconds=100)
    sweeper: Sweep = product.container.sweeper
    assert sweeper.run() == {"enqueued": 1}
    product.work("s", queue="syncs")
    assert product.view("s")["status"] == "delivered"


def test_events_that_cannot_be_loaded_are_counted_as_failures_of_the_ledger(
    product: Product, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(*_: object) -> Loaded:
        raise LedgerUnavailable("the ledger did not answer")

    (event_id,) = product.store(product.signup("zoe@example.com"))
    monkeypatch.setattr(EventStore, "load_well_formed", unavailable)
    product.work(event_id)
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["ledger_failures"] for line in lines if "ledger_failures" in line] == [1]
