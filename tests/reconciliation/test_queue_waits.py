"""What waits on the queues, where no worker takes it: seen by `sweep`, its metrics and `report`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.ledger.queue_waits import QueueWaitStore
from chalicelib.observability import metrics
from chalicelib.reconciliation.queue_waits import QueueWait, QueueWaits, waiting_since
from tests.operators.support import report
from tests.support.aws import TestAws
from tests.support.product import Product

AGES = ("oldest_pending_seconds", "oldest_unsubscribe_seconds")


def put(aws: TestAws, kind: str, count: int) -> str:
    url = aws.queue_url(f"relais-local-{kind}")
    for number in range(count):
        body = {"type": "unsubscribe", "id": f"u{number}", "email": f"u{number}@example.com"}
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    return url


def swept(product: Product, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The stage's own figures that a run of sweep writes, and its warnings under `warnings`."""
    metrics.flush()
    capsys.readouterr()
    product.container.sweeper.run()
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (figures,) = [line for line in lines if "_aws" in line and "account" not in line]
    return {**figures, "warnings": [line for line in lines if line.get("level") == "WARNING"]}


def ages(figures: dict[str, Any]) -> tuple[int, int]:
    oldest, unsubscribe = (figures[name] for name in AGES)
    return oldest, unsubscribe


@pytest.mark.seconds
def test_five_unsubscribes_without_a_worker_are_on_the_clocks_after_one_sweep(
    product: Product, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ages(swept(product, capsys)) == (0, 0)
    url = put(resources, "unsubscribes", 5)
    product.clock.forward(seconds=60)
    assert report(product)["queues"]["unsubscribes"] == {"messages": 5, "oldest_seconds": 0}, "not swept yet"
    assert ages(swept(product, capsys)) == (60, 60)
    found = report(product)
    assert found["queues"]["unsubscribes"] == {"messages": 5, "oldest_seconds": 60}
    assert found["queues"]["signups"] == {"messages": 0, "oldest_seconds": 0}
    assert [found[name] for name in AGES] == [60, 60]
    assert (found["pending"], found["accounts"]["paris"]["oldest_pending_seconds"]) == (0, 0), "in no account's ledger"
    product.clock.forward(hours=25)
    figures = swept(product, capsys)
    assert ages(figures) == (25 * 3600 + 60, 25 * 3600 + 60), "over the lines of both alarms"
    (warning,) = figures["warnings"]
    assert (warning["message"], warning["queue"], warning["messages"]) == (
        "messages wait on a queue",
        "unsubscribes",
        5,
    )
    resources.sqs.purge_queue(QueueUrl=url)
    assert ages(swept(product, capsys)) == (0, 0)
    put(resources, "unsubscribes", 1)
    assert ages(swept(product, capsys)) == (60, 60), "the clock begins again"


def test_messages_that_a_worker_has_in_hand_do_not_wait(
    product: Product, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    url = put(resources, "signups", 1)
    assert ages(swept(product, capsys)) == (60, 60)
    resources.sqs.receive_message(QueueUrl=url)
    assert ages(swept(product, capsys)) == (0, 0)


def test_what_waits_in_the_ledger_for_longer_counts(product: Product, resources: TestAws) -> None:
    product.store(product.unsubscribe("a@example.com"))
    product.clock.forward(hours=1)
    put(resources, "unsubscribes", 1)
    product.container.sweeper.run()
    found = report(product)
    assert (found["oldest_pending_seconds"], found["queues"]["unsubscribes"]["oldest_seconds"]) == (3600, 60)


def test_a_time_is_kept_while_a_queue_does_not_say_and_forgotten_when_it_is_empty() -> None:
    now = 1_000_000
    first = waiting_since({}, {"signups": 2, "unsubscribes": 0, "syncs": None}, now)
    assert first == {"signups": now - 60_000}
    assert waiting_since(first, {"signups": None, "unsubscribes": None, "syncs": None}, now + 1) == first
    assert waiting_since(first, {"signups": 0, "unsubscribes": 9, "syncs": 0}, now) == {"unsubscribes": now - 60_000}


def test_neither_a_silent_sqs_nor_a_silent_ledger_stops_the_measurement(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = QueueWaits(product.container)
    put(resources, "syncs", 3)
    waits.record()

    def unreachable(*_: Any) -> int:
        raise EndpointConnectionError(endpoint_url="https://sqs.invalid")

    with monkeypatch.context() as broken:
        broken.setattr(product.container.notifier, "backlog", unreachable)
        assert waits.record()["syncs"] == waits.read()["syncs"] == QueueWait(None, 60)

    def unavailable(*_: Any) -> dict[str, int]:
        raise LedgerUnavailable("down")

    monkeypatch.setattr(QueueWaitStore, "read", unavailable)
    assert waits.record() == {"signups": QueueWait(0), "unsubscribes": QueueWait(0), "syncs": QueueWait(3)}


def test_nothing_is_written_while_nothing_changes(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    write = QueueWaitStore.write
    monkeypatch.setattr(QueueWaitStore, "write", lambda self, since: (written.append(since), write(self, since)))
    product.container.sweeper.run()
    put(resources, "signups", 1)
    for _ in range(3):
        product.container.sweeper.run()
        product.clock.forward(minutes=1)
    assert len(written) == 1
