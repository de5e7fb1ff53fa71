"""Workers that are stopped or killed under load lose nothing, and double nothing that they do not own up to."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local.aws import process
from local.sandbox import sample_config, start as start_sandbox
from tests.e2e.world import Ediware, event, put_on_queue
from tests.support.aws import TestAws
from tests.support.stack import RunningStack, starting_stacks
from tests.support.waiting import wait_for

PARTS, PEOPLE = 4, 200
SEED = 20260301


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_nothing_is_missing_and_nothing_doubled_in_silence(tmp_path: Path, number: signal.Signals) -> None:
    chance = random.Random(SEED)
    aws_process, sandbox = process.start(), start_sandbox()
    aws, ediware = TestAws(aws_process.endpoint), Ediware(sandbox.url)
    ediware.control.fault(kind="latency", delay_seconds=0.3)
    ids = [f"event-{index}" for index in range(PEOPLE)]
    try:
        with starting_stacks(tmp_path) as start:
            config = sample_config(sandbox.url) + "\n[delivery]\nfirst_retry_seconds = 1\n"
            environ = aws.environ
            stack = start(config, environ)
            for part in range(PARTS):
                mine = ids[part::PARTS]
                put_on_queue(aws, "signups", (_signup(event_id) for event_id in mine))
                time.sleep(chance.uniform(0.5, 6))  # not waiting for anything: when it dies is left to chance
                stack.stop(number)
                stack = start(config, environ)
            deadline = time.monotonic() + 300
            while len([name for name in ediware.emails() if name.startswith("person")]) < PEOPLE:
                assert time.monotonic() < deadline, "events are missing"
                stack.invoke("sweep")
                time.sleep(3)
            told = wait_for(lambda: _delivered(stack, ids), 120, 2)
            rows = ediware.emails()
            doubled = {name for name, times in rows.items() if name.startswith("person") and times > 1}
            unknown = {index for index, one in enumerate(told) if one["deliveries"][0]["unknown_outcome"]}
            assert doubled <= {f"person{index}@example.com" for index in unknown}
    finally:
        sandbox.stop()
        aws_process.stop()


def _delivered(stack: RunningStack, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the product says of all events; nothing before they are delivered."""
    told = []
    for event_id in ids:
        told.append(event(stack, event_id))
        if told[-1]["status"] != "delivered":
            return []
    return told


def _signup(event_id: str) -> dict[str, str]:
    number = event_id.rpartition("-")[2]
    return {"type": "signup", "id": event_id, "form": "footer", "email": f"person{number}@example.com"}
