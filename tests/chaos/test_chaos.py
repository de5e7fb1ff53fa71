"""Thousands of events over all three providers under faults: none is lost, and duplicates are marked.

`docs/testing.md` describes the faults. `CHAOS_SEED` repeats a run; `CHAOS_EVENTS` sets the number of events of the slow
test.
"""

from __future__ import annotations

import json
import os
import random
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local import dynamodb_local
from local.sandbox import SAMPLE_ADMIN_KEY
from tests.chaos import checks, faults, world
from tests.chaos.chaos_stack import Stage, running
from tests.chaos.queues import FATES
from tests.chaos.run import AS_PLANNED, Run
from tests.chaos.sender import QUEUES
from tests.chaos.sent_events import Writer
from tests.support import rights
from tests.support.required_tools import EVERYTHING

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
        writer = Writer(random.Random(f"{SEED} sent_events"), stage.dials.now())
        run = Run(stage, writer, stage.sender(), world.Calls(stage.control), events)
        run.storm()
        run.days_without_ediware()
        run.given_up_and_sent_again()
        run.calm()
        figures = check(run, stage)
        check_that_all_of_it_happened(run, figures)
    assert rights.noted_in(folder / rights.REFUSED) == {}, "AWS calls without a right for them"


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
    """Compares all sent events with event status and with the providers; returns the figures."""
    sent_events = run.writer.written
    assert all(sent.id for sent in sent_events)
    result = checks.check(stage.product, sent_events, world.provider_data(stage.control), run.calls)
    figures = {"events": len(sent_events), **result.figures, **stage.figures()}
    run.print(json.dumps(figures, indent=1))
    assert result, f"CHAOS_SEED={SEED}\n{result}"
    found, _ = checks.outcomes_of(stage.product, sent_events)
    follows = checks.lifts_of(stage.product, sent_events)
    check_report(stage.invoke("report", {}), checks.counts([*found, *follows]))
    figures["counted signups"] = counted = counted_signups(stage)
    check_counts(counted, checks.counts([one for one in found if one.sent.type == "signup"]))
    for one in stage.chance.sample(found, min(LOOKED_UP, len(found))):
        shown = look_up(stage, one.sent.id or "")
        (delivery,) = [each for each in shown["deliveries"] if each["account"] == one.account]
        assert (delivery["status"], delivery["unknown_outcome"]) == (one.status, one.unknown)
    assert {body for queue in QUEUES for body in stage.bodies(f"relais-local-{queue}-dlq")} == run.unreadable
    assert stage.invoke("sweep") == {"enqueued": 0}
    assert max(run.calls.rows) <= 255
    return figures


def check_that_all_of_it_happened(run: Run, figures: dict[str, Any]) -> None:
    """Each kind of fault occurred at least once."""
    met = figures["provider faults"]
    missing = {name for name in faults.NAMES if not met.get(name)}
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


def counted_signups(stage: Stage) -> dict[str, int]:
    """Signups by what became of them, from the counts of all days."""
    found: Counter[str] = Counter()
    for one in stage.product.counts.read(date(2000, 1, 1), date(2100, 1, 1)):
        if one.type == "signup":
            found[one.outcome] += one.number
    return dict(found)


def check_counts(counted: dict[str, int], expected: Mapping[str, Counter[str]]) -> None:
    """A killed worker loses the counts of its batch, so some are missing; a lost response may double a batch's.

    Without such faults they are exact: `tests/delivery/test_counts_and_report.py`.
    """
    total: Counter[str] = sum(expected.values(), Counter())
    for name, number in (("accepted", total.total()), ("delivered", total["delivered"])):
        assert 0 < counted.get(name, 0) <= 1.25 * number, f"{name}: {number}, counted {counted}"


def look_up(stage: Stage, event_id: str) -> Any:
    """`GET /events/{id}`; asks again on 503."""
    request = urllib.request.Request(f"{stage.url}/events/{event_id}")
    request.add_header("authorization", f"Bearer {SAMPLE_ADMIN_KEY}")
    for _ in range(TRIES):
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    raise AssertionError(f"{event_id} cannot be looked up")
