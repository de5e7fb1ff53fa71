"""The poller does as Lambda's event source mapping: windows, sizes, failures, redrive, concurrency, leases."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.description import QueueTrigger
from local.lambdas.functions import FunctionFailed
from local.leases import Leases
from local.poller import Poller
from tests.support.aws import REGION, TestAws
from tests.support.stack import ROOT
from tests.support.waiting import wait_for

Answer = Callable[[list[Mapping[str, Any]]], Any]


class Recorder:
    """A function that notes its batches and answers as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[Mapping[str, Any]]] = []
        self.at: list[float] = []
        self.answer: Answer = lambda records: None
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, event: Mapping[str, Any]) -> Any:
        with self._lock:
            self.batches.append(event["Records"])
            self.at.append(time.monotonic())
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self.answer(event["Records"])
        finally:
            with self._lock:
                self.running -= 1

    @property
    def bodies(self) -> list[list[str]]:
        return [[record["body"] for record in batch] for batch in self.batches]


class Bench:
    """A queue, a recorder, and pollers between them."""

    def __init__(self, aws: TestAws) -> None:
        self.aws = aws
        self.function = Recorder()
        self._pollers: list[Poller] = []
        dead = aws.sqs.create_queue(QueueName="bench-dlq")["QueueUrl"]
        arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        attributes: Any = {"VisibilityTimeout": "1", "RedrivePolicy": redrive}
        self.url = aws.sqs.create_queue(QueueName="bench", Attributes=attributes)["QueueUrl"]

    def poll(
        self, batch_size: int = 10, window: float = 0, flag: bool = True, concurrency: int | None = None
    ) -> Poller:
        trigger = QueueTrigger("bench", batch_size, window, flag, concurrency)
        poller = Poller(trigger, self.aws.client("sqs"), REGION, self.function)
        poller.start()
        self._pollers.append(poller)
        return poller

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries: Any = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            self.aws.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    @property
    def empty(self) -> bool:
        return self.aws.held("bench") == 0

    def stop(self) -> None:
        for poller in self._pollers:
            poller.stop_collecting()
        self.send(*["wake up"] * len(self._pollers))  # ends their long polls
        for poller in self._pollers:
            poller.finish(2)


@pytest.fixture
def bench(aws: TestAws) -> Iterator[Bench]:
    bench = Bench(aws)
    yield bench
    bench.stop()


def keys(value: Any) -> Any:
    """The shape of a value: its keys and the types of its leaves."""
    if isinstance(value, dict):
        return {name: keys(member) for name, member in value.items()}
    return type(value).__name__


def test_a_record_has_lambdas_shape(bench: Bench) -> None:
    bench.poll()
    bench.send('{"type": "signup"}')
    record = wait_for(lambda: bench.function.batches)[0][0]
    sample = json.loads((Path(ROOT) / "events" / "sqs_signups.json").read_text())["Records"][0]
    assert keys(record) == keys(sample)
    for one in (record, sample):
        assert one["md5OfBody"] == hashlib.md5(one["body"].encode()).hexdigest()
    assert record["eventSourceARN"] == "arn:aws:sqs:eu-west-3:123456789012:bench"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(record["attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    wait_for(lambda: bench.empty)


def test_message_attributes_are_handed_on(bench: Bench) -> None:
    bench.poll()
    attributes: Any = {"source": {"DataType": "String", "StringValue": "crm"}}
    bench.aws.sqs.send_message(QueueUrl=bench.url, MessageBody="x", MessageAttributes=attributes)
    record = wait_for(lambda: bench.function.batches)[0][0]
    assert record["messageAttributes"] == {
        "source": {"stringValue": "crm", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
    }


def test_the_window_starts_with_the_first_message(bench: Bench) -> None:
    bench.poll(batch_size=100, window=1.5)
    bench.send("a")
    began = time.monotonic()
    time.sleep(0.7)  # within the window, by the clock: that is what is tested
    bench.send("b")
    wait_for(lambda: bench.function.batches)
    assert bench.function.bodies == [["a", "b"]]
    assert 1.2 < bench.function.at[0] - began < 2.5


def test_a_full_batch_does_not_wait(bench: Bench) -> None:
    bench.send(*map(str, range(25)))
    began = time.monotonic()
    bench.poll(batch_size=20, window=2)
    wait_for(lambda: len(bench.function.batches) == 2)
    assert [len(batch) for batch in bench.function.batches] == [20, 5]
    assert bench.function.at[0] - began < 1.5
    assert bench.function.at[1] - began >= 1.9


def test_a_batch_closes_at_six_megabytes(bench: Bench) -> None:
    big = "x" * 250_000
    bench.send(*[big[:100_000]] * 10)
    for _ in range(26):
        bench.aws.sqs.send_message(QueueUrl=bench.url, MessageBody=big)
    bench.poll(batch_size=1000, window=2)
    wait_for(lambda: sum(map(len, bench.function.batches)) == 36, 15)
    sizes = [len(json.dumps({"Records": batch})) for batch in bench.function.batches]
    assert len(sizes) == 2
    assert max(sizes) <= 6 * 1024 * 1024


def test_a_thousand_messages_are_one_batch_within_seconds(bench: Bench) -> None:
    bench.send(*map(str, range(1000)))
    began = time.monotonic()
    bench.poll(batch_size=1000, window=4)
    wait_for(lambda: bench.function.batches)
    assert len(bench.function.batches[0]) == 1000
    assert bench.function.at[0] - began < 4  # about half a second on two idle cores
    wait_for(lambda: bench.empty, 10)


def test_only_named_failures_come_back(bench: Bench) -> None:
    def fail_b_once(records: list[Mapping[str, Any]]) -> Any:
        first = [
            r["messageId"] for r in records if r["body"] == "b" and r["attributes"]["ApproximateReceiveCount"] == "1"
        ]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in first]}

    bench.function.answer = fail_b_once
    bench.send("a", "b", "c")
    bench.poll()
    wait_for(lambda: bench.empty, 10)
    assert sorted(bench.function.bodies[0]) == ["a", "b", "c"]
    assert bench.function.bodies[1:] == [["b"]]
    assert bench.function.at[1] - bench.function.at[0] > 0.8  # after the queue's visibility timeout


def test_without_the_flag_named_failures_are_deleted(bench: Bench) -> None:
    bench.function.answer = lambda records: {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in records]}
    bench.send("a")
    bench.poll(flag=False)
    wait_for(lambda: bench.function.batches and bench.empty)
    assert bench.function.bodies == [["a"]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_that_names_nothing_is_success(bench: Bench, answer: Any) -> None:
    bench.function.answer = lambda records: answer
    bench.send("a")
    bench.poll()
    wait_for(lambda: bench.function.batches and bench.empty)
    assert bench.function.bodies == [["a"]]


@pytest.mark.parametrize(
    "answer",
    [
        "text",
        {"batchItemFailures": "all"},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrong": "key"}]},
        {"batchItemFailures": [{"itemIdentifier": "of another batch"}]},
    ],
)
def test_an_answer_that_cannot_be_understood_fails_the_whole_batch(bench: Bench, answer: Any) -> None:
    bench.function.answer = lambda records: answer if len(bench.function.batches) == 1 else None
    bench.send("a", "b")
    bench.poll()
    wait_for(lambda: bench.empty, 10)
    assert sorted(body for batch in bench.function.bodies for body in batch) == ["a", "a", "b", "b"]


def test_a_batch_that_raises_comes_back_and_ends_in_the_dead_letters(bench: Bench) -> None:
    def fail(records: list[Mapping[str, Any]]) -> Any:
        raise FunctionFailed({"errorType": "ValueError", "errorMessage": "no"})

    bench.function.answer = fail
    bench.send("a")
    bench.poll()
    wait_for(lambda: bench.aws.waiting("bench-dlq") == 1, 10)
    assert bench.function.bodies == [["a"], ["a"]]
    assert bench.empty


def test_no_more_at_once_than_the_trigger_allows_and_the_next_batch_is_ready(bench: Bench) -> None:
    gate = threading.Event()
    bench.function.answer = lambda records: gate.wait(10) and None
    bench.send(*map(str, range(40)))
    bench.poll(batch_size=10, concurrency=2)
    wait_for(lambda: bench.function.running == 2)
    wait_for(lambda: bench.aws.in_flight("bench") == 30)
    assert bench.aws.waiting("bench") == 10
    gate.set()
    wait_for(lambda: bench.empty, 10)
    assert bench.function.most == 2
    assert sorted(map(len, bench.function.batches)) == [10] * 4


def test_stopping_gives_back_at_once_what_was_not_begun(bench: Bench) -> None:
    poller = bench.poll(batch_size=100, window=30)
    bench.send("a", "b")
    wait_for(lambda: bench.aws.waiting("bench") == 0)
    poller.stop_collecting()
    poller.finish(1)
    assert bench.aws.waiting("bench") == 2
    assert bench.function.batches == []


def test_stopping_waits_for_what_runs_and_deletes_it(bench: Bench) -> None:
    bench.function.answer = lambda records: time.sleep(0.5)
    poller = bench.poll()
    bench.send("a")
    wait_for(lambda: bench.function.running == 1)
    poller.stop_collecting()
    poller.finish(3)
    assert bench.empty


def test_a_long_invocation_keeps_its_messages(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leases, "seconds", 2)
    monkeypatch.setattr(Leases, "_RENEW_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(Leases, "_LOOK_EVERY_SECONDS", 0.2)
    bench.function.answer = lambda records: time.sleep(3.5)
    bench.poll()
    bench.send("a")
    wait_for(lambda: bench.empty, 10)
    assert bench.function.bodies == [["a"]]


def test_what_a_killed_holder_held_is_back_when_its_lease_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leases, "seconds", 2)
    bench.aws.sqs.set_queue_attributes(QueueUrl=bench.url, Attributes={"VisibilityTimeout": "720"})
    killed = Poller(QueueTrigger("bench", 100, 600, True, None), bench.aws.client("sqs"), REGION, bench.function)
    bench.send("a")
    assert len(killed._receive(1)) == 1
    bench.poll()
    wait_for(lambda: bench.function.bodies == [["a"]], 5)
