"""Batched reads: unprocessed keys are requested again, with back-off and jitter, within a limit and the time left."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chalicelib.domain.errors import LedgerUnavailable, StatsUnavailable
from chalicelib.effects import Effects
from chalicelib.ledger import batched_reads
from chalicelib.ledger.table import Table
from chalicelib.observability import instrumented, observing
from chalicelib.observability.instrumentation import seconds_left
from chalicelib.statistics.store import StatsStore


@dataclass
class Throttled:
    """A client that processes at most `most` keys of each call."""

    most: int = 0
    calls: int = 0

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        ((table, wanted),) = request["RequestItems"].items()
        keys = wanted["Keys"]
        assert len(keys) <= batched_reads.BATCH_GET_LIMIT
        assert wanted["ConsistentRead"] is True
        later = {table: {"Keys": keys[self.most :]}} if keys[self.most :] else {}
        return {"Responses": {table: keys[: self.most]}, "UnprocessedKeys": later}


@dataclass
class Time:
    """Sleeping takes the time of an invocation; `chance` is the jitter."""

    milliseconds: int = 60_000
    chance: float = 1.0
    slept: list[float] = field(default_factory=list)
    aws_request_id: str = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.milliseconds -= round(seconds * 1000)

    @property
    def effects(self) -> Effects:
        return Effects(sleep=self.sleep, chance=lambda: self.chance)


KEYS = [("a", f"{n:03}") for n in range(5)]


def table(client: Throttled, time: Time) -> Table:
    return Table(cast(Any, client), "ledger", time.effects)


def test_keys_that_are_never_processed_end_as_an_unavailable_ledger() -> None:
    client, time = Throttled(), Time()
    with pytest.raises(LedgerUnavailable, match="5 keys unprocessed after 8 attempts"):
        table(client, time).get_many(KEYS)
    assert client.calls == batched_reads.ATTEMPTS
    assert time.slept == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0])


def test_waits_have_jitter() -> None:
    client, time = Throttled(), Time(chance=0.5)
    with pytest.raises(LedgerUnavailable):
        table(client, time).get_many(KEYS)
    assert time.slept == pytest.approx([0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0])


def test_unprocessed_keys_are_requested_until_all_are_read() -> None:
    client, time = Throttled(most=2), Time()
    assert sorted(table(client, time).get_many(KEYS)) == KEYS
    assert (client.calls, len(time.slept)) == (3, 2)


def test_there_is_no_wait_when_all_keys_are_processed() -> None:
    client, time = Throttled(most=100), Time()
    assert len(table(client, time).get_many(("a", str(n)) for n in range(250))) == 250
    assert (client.calls, time.slept) == (3, [])
    assert table(client, time).get_many([]) == {}
    assert client.calls == 3


def test_statistics_are_read_in_the_same_way() -> None:
    client, time = Throttled(), Time()
    with pytest.raises(StatsUnavailable, match="1 keys unprocessed after 8 attempts"):
        StatsStore(cast(Any, client), "stats", time.effects).newest("paris", ["c1"])
    assert (client.calls, len(time.slept)) == (batched_reads.ATTEMPTS, batched_reads.ATTEMPTS - 1)
    assert StatsStore(cast(Any, client), "stats", time.effects).newest("paris", []) == {}
    assert client.calls == batched_reads.ATTEMPTS


def test_waits_end_before_the_invocation_ends() -> None:
    client, time = Throttled(), Time(milliseconds=2_500)
    with pytest.raises(LedgerUnavailable, match="no time left"), observing("test", context=time):
        table(client, time).get_many(KEYS)
    assert client.calls == 5
    assert time.milliseconds / 1000 >= batched_reads.RESERVED_SECONDS
    assert seconds_left() is None, "it ended with the invocation"


@pytest.mark.parametrize("in_event", [False, True])
def test_worker_threads_know_the_remaining_time_of_the_handler(in_event: bool) -> None:
    """Whether Lambda's context comes by itself or within one of Chalice's events."""
    client, time = Throttled(), Time(milliseconds=900)
    ledger = table(client, time)

    @instrumented
    def sweep(event: object, context: object = None) -> None:
        ledger.get_many(("a", str(n)) for n in range(250))

    with pytest.raises(LedgerUnavailable, match="no time left"):
        sweep(*((SimpleNamespace(context=time),) if in_event else ({}, time)))
    assert time.slept == []
    assert client.calls == 3, "one a batch, all of them at once"
