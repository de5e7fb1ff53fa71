"""Measures reading unsubscribes: a first run over a long list, a run without news, and one with ten new people."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import sandbox
from local.bench.consumed import Consumed
from local.bench.surroundings import Measured, in_fresh_process, product
from local.bench.table import Row, ratio
from local.lambdas.environment import LambdaContext

SIZES = (100_000, 1_000_000)
NEW = 10
RUNS = ("first", "without news", f"{NEW} new")


@dataclass(frozen=True, slots=True)
class Cost:
    """A run: its result for the account, and its calls to DynamoDB."""

    outcome: Mapping[str, Any]
    calls: Counter[str]


def rows() -> Iterator[Row]:
    """Measures MailPartner's list at two sizes."""
    measured = [_measure(size) for size in SIZES]
    columns = [f"{size:,} rows" for size in SIZES]
    for place, name in enumerate(RUNS):
        runs = [each[place] for each in measured]
        yield Row(f"{name}: events made", [run.result.outcome["written"] for run in runs], columns)
        for operation in sorted(set().union(*(run.result.calls for run in runs))):
            yield Row(f"{name}: {operation}", [run.result.calls[operation] for run in runs], columns)
        yield Row(f"{name}: seconds here", [run.seconds for run in runs], columns)
        yield Row(f"{name}: peak memory, MB", [run.peak_megabytes for run in runs], columns)
    small, large = (each[RUNS.index("without news")] for each in measured)
    per_row = ratio(large.seconds / SIZES[1], small.seconds / SIZES[0])
    yield Row("time a row, without news", ["× 1.00", per_row], columns)


def _measure(size: int) -> list[Measured[Cost]]:
    with sandbox.start() as running:
        mailpartner: Any = running.simulation.providers["mailpartner"]
        mailpartner.change({"account": "lettre", "grow_optouts": {"count": size}})
        config = sandbox.sample_config(running.url, ["ediware", "mailpartner"])
        known = config.replace("[sync.unsubscribes]", '[sync.unsubscribes]\nbaseline = "known"')
        with product(known) as environ:
            runs = [in_fresh_process(environ, run_schedule) for _ in range(2)]
            new = [f"new{number}@example.com" for number in range(NEW)]
            mailpartner.change({"account": "lettre", "add_optouts": new})
            return [*runs, in_fresh_process(environ, run_schedule)]


def run_schedule() -> Cost:
    """Runs `sync_unsubscribes` as in a cold instance."""
    import boto3
    from botocore.session import Session

    session, counted = Session(), Consumed()
    counted.watch(session)
    boto3.setup_default_session(botocore_session=session)
    from chalicelib.container import container

    context = LambdaContext("sync_unsubscribes", "bench", time.time() + 600, os.environ["AWS_REGION"], "512")
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        result = container().sync_unsubscribes(context)
    (outcome,) = result["accounts"].values()
    if outcome["error"] is not None:
        raise RuntimeError(f"the run failed: {outcome['error']}")
    return Cost(outcome, counted.calls)
