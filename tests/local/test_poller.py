"""The poller does as Lambda's event source mapping: windows, sizes, failures, redrive, concurrency, leases."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from local.lambdas.functions import FunctionFailed
from local.leases import Leases
from local.poller import Poller
from local.template_reader import QueueTrigger
from tests.support.aws import REGION, TestAws
from tests.support.sqs import QueueInMemory
from tests.support.stack import ROOT
from tests.support.waiting import wait_for

Answer = Callable[[list[Mapping[str, Any]]], Any]
until = partial(wait_for, every_seconds=0.005)


class Recorder:
    """A function that records its batches and gives scripted answers."""

    def __init__(self) -> None:
        self.batches: list[list[Mapping[str, Any]]] = []
        self.answer: Answer = lambda records: None
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, event: Mapping[str, Any]) -> Any:
        with self._lock:
            self.batches.append(event["Records"])
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
    """A queue, a recorder, and pollers between them. The test moves time."""

    def __init__(self) -> None:
        self.queue = QueueInMemory("bench")
        self.function = Recorder()
        self._pollers: list[Poller] = []

    def poll(
        self, batch_size: int = 10, window: float = 0, flag: bool = True, concurrency: int | None = None
    ) -> Poller:
        trigger = QueueTrigger("bench", batch_size, window, flag, concurrency)
        poller = Poller(trigger, cast("Any", self.queue), REGION, self.function, self.queue.clock)
        poller.start()
        self._pollers.append(poller)
        return poller

    def redelivered(self, messages: int) -> None:
        """Wait until so many messages were released, and let the queue's visibility timeout pass."""
        until(lambda: self.queue.in_flight == messages and self.queue.invisible_seconds() <= 1)
        self.queue.forward(1)

    @property
    def empty(self) -> bool:
        return self.queue.message_count == 0

    def stop(self) -> None:
        for poller in self._pollers:
            poller.stop_collecting()
        self.queue.forward(60)  # ends their long polls
        for poller in self._pollers:
            poller.finish(2)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.stop()


@pytest.fixture
def embedded(aws: TestAws) -> Iterator[tuple[str, Recorder]]:
    """The URL of a queue of the embedded AWS, and what a poller invokes with its messages."""
    url = aws.sqs.create_queue(QueueName="bench", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    function = Recorder()
    poller = Poller(QueueTrigger("bench", 10, 0, True, None), aws.client("sqs"), REGION, function)
    poller.start()
    yield url, function
    poller.stop_collecting()
    aws.sqs.send_message(QueueUrl=url, MessageBody="ends the long poll")
    poller.finish(2)


def keys(value: Any) -> Any:
    """The shape of a value: its keys and the types of its scalars."""
    if isinstance(value, dict):
        return {name: keys(member) for name, member in value.items()}
    return type(value).__name__


def test_a_record_has_the_shape_of_lambda(aws: TestAws, embedded: tuple[str, Recorder]) -> None:
    url, function = embedded
    aws.sqs.send_message(QueueUrl=url, MessageBody='{"type": "signup"}')
    record = until(lambda: function.batches)[0][0]
    sample = json.loads((Path(ROOT) / "events" / "sqs_signups.json").read_text())["Records"][0]
    assert keys(record) == keys(sample)
    for one in (record, sample):
        assert one["md5OfBody"] == hashlib.md5(one["body"].encode()).hexdigest()
    assert record["eventSourceARN"] == "arn:aws:sqs:eu-west-3:123456789012:bench"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(record["attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    until(lambda: aws.message_count("bench") == 0)


def test_message_attributes_are_passed_on(aws: TestAws, embedded: tuple[str, Recorder]) -> None:
    url, function = embedded
    attributes: Any = {"source": {"DataType": "String", "StringValue": "crm"}}
    aws.sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    record = until(lambda: function.batches)[0][0]
    assert record["messageAttributes"] == {
        "source": {"stringValue": "crm", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
    }


def fail_b_once(records: list[Mapping[str, Any]]) -> Any:
    first = [r["messageId"] for r in records if r["body"] == "b" and r["attributes"]["ApproximateReceiveCount"] == "1"]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in first]}


def test_messages_are_deleted_or_redelivered(aws: TestAws, embedded: tuple[str, Recorder]) -> None:
    url, function = embedded
    function.answer = fail_b_once
    entries: Any = [{"Id": body, "MessageBody": body} for body in ("a", "b", "c")]
    aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    until(lambda: sum(map(len, function.batches)) == 4 and aws.message_count("bench") == 0)
    assert sorted(body for batch in function.bodies for body in batch) == ["a", "b", "b", "c"]


@pytest.mark.seconds
def test_the_window_starts_with_the_first_message(bench: Bench) -> None:
    bench.poll(batch_size=100, window=1.5)
    until(lambda: bench.queue.polls)
    bench.queue.forward(0.9)
    bench.queue.send("a")
    until(lambda: bench.queue.in_flight == 1 and bench.queue.polls)
    bench.queue.forward(0.7)
    bench.queue.send("b")
    until(lambda: bench.queue.in_flight == 2)
    assert bench.function.batches == []
    bench.queue.forward(0.9)
    until(lambda: bench.function.batches)
    assert bench.function.bodies == [["a", "b"]]


def test_a_full_batch_does_not_wait(bench: Bench) -> None:
    bench.queue.send(*map(str, range(25)))
    bench.poll(batch_size=20, window=2)
    until(lambda: bench.function.batches and bench.queue.message_count == bench.queue.in_flight == 5)
    assert [len(batch) for batch in bench.function.batches] == [20]
    bench.queue.forward(2)
    until(lambda: len(bench.function.batches) == 2)
    assert [len(batch) for batch in bench.function.batches] == [20, 5]


def test_a_batch_closes_at_six_megabytes(bench: Bench) -> None:
    big = "x" * 250_000
    bench.queue.send(*[big[:100_000]] * 10, *[big] * 26)
    bench.poll(batch_size=1000, window=2)
    until(lambda: 0 < bench.queue.message_count == bench.queue.in_flight < 36 and bench.queue.polls)
    bench.queue.forward(2)
    until(lambda: sum(map(len, bench.function.batches)) == 36)
    sizes = [len(json.dumps({"Records": batch})) for batch in bench.function.batches]
    assert len(sizes) == 2
    assert max(sizes) <= 6 * 1024 * 1024


def test_a_thousand_messages_are_one_batch(bench: Bench) -> None:
    bench.queue.send(*map(str, range(1000)))
    bench.poll(batch_size=1000, window=4)
    until(lambda: bench.function.batches and bench.empty)
    assert list(map(len, bench.function.batches)) == [1000]


def test_only_reported_failures_are_redelivered(bench: Bench) -> None:
    bench.function.answer = fail_b_once
    bench.queue.send("a", "b", "c")
    bench.poll()
    until(lambda: bench.queue.message_count == 1)
    assert bench.function.bodies == [["a", "b", "c"]]
    bench.redelivered(1)
    until(lambda: bench.empty)
    assert bench.function.bodies[1:] == [["b"]]


def test_without_partial_batch_responses_reported_failures_are_deleted(bench: Bench) -> None:
    bench.function.answer = lambda records: {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in records]}
    bench.queue.send("a")
    bench.poll(flag=False)
    until(lambda: bench.function.batches and bench.empty)
    assert bench.function.bodies == [["a"]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_without_failures_is_success(bench: Bench, answer: Any) -> None:
    bench.function.answer = lambda records: answer
    bench.queue.send("a")
    bench.poll()
    until(lambda: bench.function.batches and bench.empty)
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
def test_an_invalid_answer_fails_the_whole_batch(bench: Bench, answer: Any) -> None:
    bench.function.answer = lambda records: answer if len(bench.function.batches) == 1 else None
    bench.queue.send("a", "b")
    bench.poll()
    bench.redelivered(2)
    until(lambda: bench.empty)
    assert bench.function.bodies == [["a", "b"], ["a", "b"]]


def test_a_failing_batch_is_redelivered_and_ends_in_the_dead_letter_queue(bench: Bench) -> None:
    def fail(records: list[Mapping[str, Any]]) -> Any:
        raise FunctionFailed({"errorType": "ValueError", "errorMessage": "no"})

    bench.function.answer = fail
    bench.queue.send("a")
    bench.poll()
    bench.redelivered(1)
    until(lambda: len(bench.function.batches) == 2)
    bench.redelivered(1)
    until(lambda: bench.queue.dead_letters == ["a"])
    assert bench.function.bodies == [["a"], ["a"]]
    assert bench.empty


def test_concurrency_is_limited_by_the_trigger_and_the_next_batch_is_prefetched(bench: Bench) -> None:
    gate = threading.Event()
    bench.function.answer = lambda records: gate.wait(10) and None
    bench.queue.send(*map(str, range(40)))
    bench.poll(batch_size=10, concurrency=2)
    until(lambda: bench.function.running == 2)
    until(lambda: bench.queue.in_flight == 30)
    assert bench.queue.waiting == 10
    gate.set()
    until(lambda: bench.empty)
    assert bench.function.most == 2
    assert sorted(map(len, bench.function.batches)) == [10] * 4


def test_stopping_releases_unstarted_messages_at_once(bench: Bench) -> None:
    poller = bench.poll(batch_size=100, window=30)
    bench.queue.send("a", "b")
    until(lambda: bench.queue.in_flight == 2 and bench.queue.polls)
    poller.stop_collecting()
    bench.queue.forward(1)
    poller.finish(1)
    assert bench.queue.waiting == 2
    assert bench.function.batches == []


@pytest.mark.seconds
def test_stopping_waits_for_running_invocations_and_deletes_their_messages(bench: Bench) -> None:
    gate = threading.Event()
    bench.function.answer = lambda records: gate.wait(10) and None
    poller = bench.poll()
    bench.queue.send("a")
    until(lambda: bench.function.running == 1)
    poller.stop_collecting()
    bench.queue.forward(1)
    finishing = threading.Thread(target=poller.finish, args=(10,))
    finishing.start()
    finishing.join(0.1)
    assert finishing.is_alive()
    gate.set()
    finishing.join()
    assert bench.empty


def test_a_long_invocation_extends_its_visibility_timeout(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leases, "_CHECK_SECONDS", 0.01)
    gate = threading.Event()
    bench.function.answer = lambda records: gate.wait(10) and None
    bench.poll()
    bench.queue.send("a")
    until(lambda: bench.function.running == 1)
    for _ in range(4):
        bench.queue.forward(15)
        until(lambda: bench.queue.in_flight == 1 and bench.queue.invisible_seconds() == Leases.seconds)
    gate.set()
    until(lambda: bench.empty)
    assert bench.function.bodies == [["a"]]


def test_messages_of_a_killed_stack_are_visible_again_when_their_lease_ends(bench: Bench) -> None:
    bench.queue.visibility_timeout = 720
    trigger = QueueTrigger("bench", 100, 600, True, None)
    killed = Poller(trigger, cast("Any", bench.queue), REGION, bench.function, bench.queue.clock)
    bench.queue.send("a")
    assert len(killed._receive(1)) == 1
    bench.poll()
    assert bench.queue.invisible_seconds() <= 40
    bench.queue.forward(40)
    until(lambda: bench.function.bodies == [["a"]])
