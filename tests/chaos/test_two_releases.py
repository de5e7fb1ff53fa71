"""Events of an update that is taken back again and again: two releases over one ledger, under faults.

Each of them accepts, delivers and sweeps what the other one left. `docs/testing.md` says which release is the earlier
one, `docs/architecture.md` by which rule a release changes what is stored.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tests.chaos import world
from tests.chaos.chaos_stack import running
from tests.chaos.releases import lay_out_previous
from tests.chaos.run import DAY, HOUR, Run
from tests.chaos.sent_events import SentEvent, Writer
from tests.chaos.test_chaos import SEED, check

EVENTS = int(os.environ.get("CHAOS_EVENTS") or 900)
WAVES = 12
DOWN, UP_AGAIN = 4, 8
"""Waves between which Ediware is down, so that events wait from one release to the other."""

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.rehearsal,
    pytest.mark.no_cover,
    pytest.mark.timeout(1500),
]


@pytest.mark.parametrize("taken_back", [False, True], ids=["updated", "taken back"])
def test_nothing_is_lost_or_doubled_unmarked_between_two_releases(tmp_path: Path, *, taken_back: bool) -> None:
    previous = lay_out_previous(tmp_path / "previous")
    sys.stdout.write(f"CHAOS_SEED={SEED}\n")
    with running(SEED, tmp_path, previous=previous) as stage:
        writer = Writer(random.Random(f"{SEED} sent_events"), stage.dials.now())
        run = Run(stage, writer, stage.sender(), world.Calls(stage.control), EVENTS)
        stage.order_faults()
        stage.dials.aws_rate, stage.dials.death_rate = 0.01, 0.02
        for number, wave in enumerate(_waves(writer)):
            if number == DOWN:
                stage.outage("ediware")
            if number == UP_AGAIN:
                run.a_moment_of(DAY)
                stage.clear_faults()
                stage.order_faults()
                stage.jump(HOUR)
            run.send_while_time_passes(wave)
            for log in ("functions.log", "previous.log"):
                lines = (tmp_path / log).read_text().splitlines()
                misread = [line for line in lines if "malformed ledger item" in line]
                assert not misread, f"{log}: one release cannot read what the other stored: {misread[0]}"
        stage.functions.settle(on_the_earlier=taken_back)
        run.calm()
        check(run, stage)
        shares = stage.functions.invocations
        run.print(f"invocations by phase and release: {dict(shares)}")
        assert min(shares[place] for place in (("old", "old"), ("new", "new"), ("both", "old"), ("both", "new"))) > 9


def _waves(writer: Writer) -> list[list[SentEvent]]:
    """All events; those of one person are in several waves, so that one release knows the others' from the ledger."""
    sent_events = [
        *writer.quarrels(EVENTS * 2 // 9),
        *writer.signups(EVENTS // 9, "4781"),
        *writer.signups(EVENTS // 20, "4782", entry="queue"),
        *writer.signups(EVENTS // 20, "4781", entry="form"),
        *writer.signups(EVENTS // 20, "0616074266229"),
        *writer.unsubscribes(EVENTS // 20),
    ]
    waves: list[list[SentEvent]] = [[] for _ in range(WAVES)]
    for sent in sent_events:
        writer.chance.choice(waves).append(sent)
    return waves
