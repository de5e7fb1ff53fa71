"""Events by the thousand over all three providers while everything goes wrong: nothing lost, once, the later word wins.

`docs/testing.md` tells what happens here. `CHAOS_SEED` repeats what was drawn; `CHAOS_EVENTS` sets how many events the
slow test sends.
"""

from __future__ import annotations

import json
import os
import random
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from local import dynamodb_local
from local.sandbox import SAMPLE_ADMIN_KEY
from tests.chaos import judgement, trouble, world
from tests.chaos.letters import Writer
from tests.chaos.queues import FATES
from tests.chaos.run import AS_PLANNED, Run
from tests.chaos.sender import QUEUES
from tests.chaos.stage import Stage, running
from tests.support.tools import EVERYTHING

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
FEW = 500
MANY = int(os.environ.get("CHAOS_EVENTS") or AS_PLANNED)
LOOKED_UP, TRIES = 60, 3
STATUSES = ("pending", "parked", "refused", "delivered", "superseded")

pytestmark = pytest.mark.server


def test_no_event_is_lost_duplicates_are_marked_and_the_latest_event_wins(tmp_path: Path) -> None:
    go_through(FEW, tmp_path, None)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_no_event_of_a_large_run_is_lost(tmp_path: Path) -> None:
    with vendors_dynamodb() as dynamodb:
        go_through(MANY, tmp_path, dynamodb)


def go_through(events: int, folder: Path, dynamodb: str | None) -> None:
    """So many events through all of it; `dynamodb`: another one than the embedded AWS's own."""
    sys.stdout.write(f"CHAOS_SEED={SEED}\n")
    with running(SEED, folder, dynamodb) as stage:
        writer = Writer(random.Random(f"{SEED} letters"), stage.dials.now())
        run = Run(stage, writer, stage.sender(), world.Calls(stage.control), events)
        run.storm()
        run.days_without_ediware()
        run.given_up_and_sent_again()
        run.calm()
        figures = check(run, stage)
        check_that_all_of_it_happened(run, figures)


@contextmanager
def vendors_dynamodb() -> Iterator[str | None]:
    """DynamoDB Local, or None where it cannot be had: the embedded AWS's own is used then."""
    with ExitStack() as running:
        try:
            endpoint = running.enter_context(dynamodb_local.start())
        except dynamodb_local.Unavailable as reason:
            if os.environ.get(EVERYTHING):
                raise
            sys.stdout.write(f"{reason}: the ledger is in the embedded AWS\n")
            endpoint = None
        yield endpoint


def check(run: Run, stage: Stage) -> dict[str, Any]:
    """Everything that was sent, against what the product says and what the providers hold; the figures."""
    letters = run.writer.written
    assert all(letter.id for letter in letters)
    verdict = judgement.judge(stage.product, letters, world.held(stage.control), run.calls)
    figures = {"events": len(letters), **verdict.figures, **stage.figures()}
    run.tell(json.dumps(figures, indent=1))
    assert verdict, f"CHAOS_SEED={SEED}\n{verdict}"
    found, _ = judgement.told(stage.product, letters)
    follows = judgement.what_follows(stage.product, letters)
    check_report(stage.invoke("report", {}), judgement.counts([*found, *follows]))
    for one in stage.chance.sample(found, min(LOOKED_UP, len(found))):
        shown = look_up(stage, one.letter.id or "")
        (delivery,) = [each for each in shown["deliveries"] if each["account"] == one.account]
        assert (delivery["status"], delivery["unknown_outcome"]) == (one.status, one.unknown)
    assert {body for queue in QUEUES for body in stage.bodies(f"relais-local-{queue}-dlq")} == run.unreadable
    assert stage.invoke("sweep") == {"enqueued": 0}
    assert max(run.calls.rows) <= 255
    return figures


def check_that_all_of_it_happened(run: Run, figures: dict[str, Any]) -> None:
    """Each kind of trouble was met at least once."""
    met = figures["provider faults"]
    missing = {name for name in trouble.NAMES if not met.get(name)}
    missing |= {name for name in FATES if not figures["messages"].get(name)}
    for kind in ("aws faults", "deaths"):
        missing |= {f"{kind}: {name}" for name, number in figures[kind].items() if not number}
    assert not missing, f"CHAOS_SEED={SEED}: never happened: {sorted(missing)}; {figures}"
    assert figures["marked unknown"] and run.parked


def check_report(report: Any, expected: dict[str, Counter[str]]) -> None:
    """`report` counts what the senders count."""
    for account, counts in expected.items():
        shown = report["accounts"][account]
        assert shown["accepted"] == counts.total()
        assert {status: shown[status] for status in STATUSES} == {status: counts[status] for status in STATUSES}
    assert report["accepted"] == sum(counts.total() for counts in expected.values())


def look_up(stage: Stage, event_id: str) -> Any:
    """`GET /events/{id}`; 503 says that it is to be asked again."""
    request = urllib.request.Request(f"{stage.url}/events/{event_id}")
    request.add_header("authorization", f"Bearer {SAMPLE_ADMIN_KEY}")
    for _ in range(TRIES):
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    raise AssertionError(f"{event_id} cannot be looked up")
