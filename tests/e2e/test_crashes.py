"""Workers that are stopped or killed under load lose nothing, and double nothing that they do not own up to."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from local.aws import process
from local.sandbox import sample_config, start as start_sandbox
from tests.e2e.world import Ediware, event, put_on_queue
from tests.support.aws import TestAws
from tests.support.stack import MovableStack, RunningStack, SharedStack, starting_stacks
from tests.support.waiting import wait_for

PARTS = 4
SEED = 20260301
LATENCY_SECONDS = 0.1
LEASES_END_SECONDS = 130.0
"""Time after which nothing waits for a killed worker any more."""


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_killed_workers_lose_nothing_and_duplicates_are_marked(
    shared_stack: SharedStack, end: Literal["stopped", "killed"]
) -> None:
    chance = random.Random(SEED)
    stack: MovableStack = shared_stack.reset()
    ediware = Ediware(stack.sandbox)
    ediware.control.fault(kind="latency", delay_seconds=LATENCY_SECONDS)
    ids = [f"event-{index}" for index in range(60)]
    for part in range(PARTS):
        calls = _calls(ediware)
        put_on_queue(stack.aws, "signups", (_signup(event_id) for event_id in ids[part::PARTS]))
        wait_for(lambda calls=calls: _calls(ediware) > calls)
        time.sleep(
            chance.uniform(0, 2 * LATENCY_SECONDS)
        )  # deliberately without waiting for a condition: the moment of death is random
        if end == "stopped":
            stack.restart_workers()
        else:
            assert stack.kill_workers() > 0
    stack.until(lambda: len(_addresses(ediware)) == len(ids), LEASES_END_SECONDS)
    _judge(ediware, stack.until(lambda: _delivered(stack, ids), LEASES_END_SECONDS))
    shared_stack.idle()


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_stopped_stack_loses_nothing_and_duplicates_are_marked(tmp_path: Path, number: signal.Signals) -> None:
    chance = random.Random(SEED)
    aws_process, sandbox = process.start(), start_sandbox()
    aws, ediware = TestAws(aws_process.endpoint), Ediware(sandbox.url)
    ediware.control.fault(kind="latency", delay_seconds=LATENCY_SECONDS)
    ids = [f"event-{index}" for index in range(200)]
    try:
        with starting_stacks(tmp_path) as start:
            config = sample_config(sandbox.url) + "\n[delivery]\nfirst_retry_seconds = 1\n"
            environ = aws.environ
            stack = start(config, environ)
            for part in range(PARTS):
                put_on_queue(aws, "signups", (_signup(event_id) for event_id in ids[part::PARTS]))
                time.sleep(
                    chance.uniform(0.5, 6)
                )  # deliberately without waiting for a condition: the moment of death is random
                stack.stop(number)
                stack = start(config, environ)
            deadline = time.monotonic() + 300
            while len(_addresses(ediware)) < len(ids):
                assert time.monotonic() < deadline, "events are missing"
                stack.invoke("sweep")
                time.sleep(3)
            _judge(ediware, wait_for(lambda: _delivered(stack, ids), 120, 2))
    finally:
        sandbox.stop()
        aws_process.stop()


def _judge(ediware: Ediware, events: Sequence[Any]) -> None:
    """Checks that everybody is on the list; duplicates belong to events with an unknown outcome."""
    rows = _addresses(ediware)
    assert len(rows) == len(events)
    doubled = {name for name, times in rows.items() if times > 1}
    unknown = {index for index, one in enumerate(events) if one["deliveries"][0]["unknown_outcome"]}
    assert doubled <= {f"person{index}@example.com" for index in unknown}


def _addresses(ediware: Ediware) -> dict[str, int]:
    """How often each person is on the list."""
    return {name: times for name, times in ediware.emails().items() if name.startswith("person")}


def _calls(ediware: Ediware) -> int:
    return sum(ediware.control.state(newest=0)["providers"]["ediware"]["calls"].values())


def _delivered(stack: RunningStack, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Event status of all events; nothing before they are delivered."""
    events = []
    for event_id in ids:
        events.append(event(stack, event_id))
        if events[-1]["status"] != "delivered":
            return []
    return events


def _signup(event_id: str) -> dict[str, str]:
    number = event_id.rpartition("-")[2]
    return {"type": "signup", "id": event_id, "form": "footer", "email": f"person{number}@example.com"}
