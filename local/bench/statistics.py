"""Measures reading campaigns: a first run, a run without news, and a page of the list."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local import sandbox
from local.bench.consumed import Consumed
from local.bench.surroundings import Measured, in_fresh_process, product
from local.bench.table import Row, ratio
from local.bench.workers import no_output
from local.lambdas.environment import LambdaContext

SIZES = (1_000, 10_000)
PAGE = 100
DAYS = 29
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Cost:
    """A run: its result for the account, and its calls to DynamoDB and to the provider."""

    outcome: Mapping[str, Any]
    calls: Counter[str]
    write_units: float
    read_units: float


@dataclass(frozen=True, slots=True)
class Size:
    """The measurements at one number of campaigns."""

    campaigns: int
    first: Measured[Cost]
    unchanged: Measured[Cost]
    page: Measured[Cost]


def rows() -> Iterator[Row]:
    """Measures Ediware's campaigns, read by one call, at two sizes; then myMailMarket's, read by a call each."""
    small, large = (_measure(size) for size in SIZES)
    columns = [f"{size:,} campaigns" for size in SIZES]
    for name in ("first", "unchanged"):
        yield from _run_rows(name, getattr(small, name), getattr(large, name), columns)
    pages = [small.page.result, large.page.result]
    yield Row(f"page of {PAGE}: queries", [page.calls["Query"] for page in pages], columns)
    yield Row(f"page of {PAGE}: read units", [page.read_units for page in pages], columns)
    yield Row("time a campaign, first run", ["× 1.00", _a_campaign(large.first, small.first)], columns)
    yield Row("time a campaign, unchanged run", ["× 1.00", _a_campaign(large.unchanged, small.unchanged)], columns)
    unchanged = [ratio(size.unchanged.seconds, size.first.seconds) for size in (small, large)]
    yield Row("unchanged run's time of a first run's", unchanged, columns)
    yield from _calls_by_age()


def _run_rows(name: str, small: Measured[Cost], large: Measured[Cost], columns: list[str]) -> Iterator[Row]:
    both = (small, large)
    yield Row(f"{name} run: snapshots written", [each.result.outcome["written"] for each in both], columns)
    operations = sorted(small.result.calls | large.result.calls)
    for operation in operations:
        yield Row(f"{name} run: {operation}", [each.result.calls[operation] for each in both], columns)
    yield Row(f"{name} run: write units", [each.result.write_units for each in both], columns)
    yield Row(f"{name} run: seconds here", [each.seconds for each in both], columns)
    yield Row(f"{name} run: peak memory, MB", [each.peak_megabytes for each in both], columns)


def _a_campaign(large: Measured[Cost], small: Measured[Cost]) -> str:
    """Returns the time for one campaign among many, relative to one among few."""
    return ratio(large.seconds / large.result.outcome["read"], small.seconds / small.result.outcome["read"])


def _measure(size: int) -> Size:
    campaigns = [
        {"id": str(n), "reference": f"Campaign {n}", "subject": "Subject " * 6, "sent_seconds_ago": age}
        for n, age in enumerate(_ages(size, DAYS))
    ]
    with _environment("ediware", "paris", campaigns) as (environ, now):
        return Size(
            size,
            in_fresh_process(environ, run_schedule, now),
            in_fresh_process(environ, run_schedule, now + timedelta(hours=1)),
            in_fresh_process(environ, read_page),
        )


def _calls_by_age() -> Iterator[Row]:
    """Measures how many of a thousand campaigns, sent evenly over forty days, a run reads."""
    campaigns = [
        {"id": str(n), "name": f"Campaign {n}", "sent_seconds_ago": age, "figures": {"Sent": 1000, "Opened": 300}}
        for n, age in enumerate(_ages(SIZES[0], 40))
    ]
    with _environment("mymailmarket", "brussel", campaigns) as (environ, now):
        runs = [in_fresh_process(environ, run_schedule, now + timedelta(hours=hours)) for hours in (0, 1, 2, 8)]
    columns = ["first", "an hour later", "an hour later", "after 5 missed"]
    yield Row(f"{SIZES[0]:,} with a call each: read", [run.result.outcome["read"] for run in runs], columns)
    yield Row("written", [run.result.outcome["written"] for run in runs], columns)
    yield Row("queries", [run.result.calls["Query"] for run in runs], columns)


def _ages(count: int, days: int) -> list[float]:
    """Returns the ages in seconds of campaigns sent evenly over so many days."""
    return [(place + 0.5) * days * _SECONDS_A_DAY / count for place in range(count)]


@contextmanager
def _environment(
    provider: str, account: str, campaigns: list[dict[str, Any]]
) -> Iterator[tuple[Mapping[str, str], datetime]]:
    """Yields the environment of a product over a sandbox with these campaigns and a stopped clock; and its time."""
    with sandbox.start() as running:
        running.simulation.clock.freeze(True)
        provided: Any = running.simulation.providers[provider]
        provided.accounts[account].campaigns.clear()
        for campaign in campaigns:
            provided.change({"account": account, "add_campaign": campaign})
        with product(sandbox.sample_config(running.url, [provider])) as environ:
            yield environ, running.simulation.clock.now()


def run_schedule(at: datetime) -> Cost:
    """Runs `collect_stats` as in a cold instance."""
    counted = _counted()
    from chalicelib.container import container

    context = LambdaContext("collect_stats", "bench", time.time() + 600, os.environ["AWS_REGION"], "512")
    with no_output():
        result = container().collect_stats({"time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}, context)
    (outcome,) = result["accounts"].values()
    if outcome["error"] is not None:
        raise RuntimeError(f"the run failed: {outcome['error']}")
    return Cost(outcome, counted.calls, counted.write_units, counted.read_units)


def read_page() -> Cost:
    """Reads one page of the list over HTTP."""
    counted = _counted()
    from chalicelib.container import container
    from chalicelib.web.http_messages import Request

    headers = {"authorization": f"Bearer {sandbox.SAMPLE_ADMIN_KEY}"}
    answer = container().stats_routes.show_page(Request("GET", headers, {"limit": str(PAGE)}))
    found = json.loads(answer.body)["campaigns"]
    if len(found) != PAGE:
        raise RuntimeError(f"a page of {len(found)} campaigns")
    return Cost({"read": len(found)}, counted.calls, counted.write_units, counted.read_units)


def _counted() -> Consumed:
    """Counts the calls of this process's clients from now on."""
    import boto3
    from botocore.session import Session

    session, counted = Session(), Consumed()
    counted.watch(session)
    boto3.setup_default_session(botocore_session=session)
    return counted
