"""Computes a month's bill, and the table of `costs-and-limits.md`, from counts. Prices and assumptions are here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.reconciliation.findings import PAGE_ITEMS
from chalicelib.reconciliation.rules import nights_between
from local.price.measure import CANARY_SIGNUP

Counts = Mapping[str, Any]

SMALL = 10_000
"""Signups a month of a small organisation."""
MILLION, GIGABYTE = 1_000_000, 1024**3
# Dollars in eu-west-3, without tax and without AWS' free tier. From AWS' price lists, as others published them
# (2026-09 and 2026-10); those marked (?) are from memory.
METRIC, ALARM, COMPOSITE_ALARM = 0.30, 0.10, 0.50
LOG_GB, LOG_KEPT_GB = 0.5985, 0.0315
LAMBDA_REQUESTS, LAMBDA_GB_SECOND = 0.20, 0.0000166667
REST_REQUESTS, HTTP_API_REQUESTS = 3.50, 1.17  # REST (?)
WRITE_UNITS, READ_UNITS = 0.7423, 0.1487
TABLE_GB, RECOVERY_GB = 0.297, 0.2376  # (?)
SQS_REQUESTS = 0.40
SECRET, SECRET_CALLS = 0.40, 5.0  # calls: a million (?)
NAT_HOUR, ADDRESS_HOUR = 0.05, 0.005
EUROS = 0.90  # a dollar (?)

HOURS = 730
RUNS = {"sweep": HOURS * 60, "sync_unsubscribes": HOURS * 4, "collect_stats": HOURS, "canary": HOURS}
POLLERS, POLLS_AN_HOUR = 5, 180
"""Lambda polls a queue five times at once, for 20 seconds each; with `MaximumConcurrency` it never polls less."""
SECRETS = 6
"""Three accounts', and the three keys of Relais' own."""
SECRET_READS = 12
"""In an hour: a value is read again after five minutes, by the instance of `sweep`, which is always warm."""
WINDOW_SECONDS = 4
"""A worker waits so long for more signups."""
PROCESSORS_AT_MB = 1769
"""Memory with which Lambda gives a whole processor."""
AWS_CALL_MS, PROVIDER_CALL_MS = 5, 100
"""How long a call takes, or several to AWS that run concurrently."""
PLATFORM_LOG_BYTES = 340
"""Lambda's own lines of an invocation (START, END, REPORT), with what CloudWatch adds to each line."""
KEPT_DAYS, UNIT_BYTES = 90, 4096
NIGHTS = 30


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill in dollars: without signups but the canary's, and for each million."""

    name: str
    idle: float
    million: float


@dataclass(frozen=True, slots=True)
class Work:
    """Invocations of a function, and what they take in all."""

    function: str
    invocations: float
    taken: Mapping[str, float]


def items(counts: Counts, signups_a_month: float = MILLION) -> list[Item]:
    """Returns the bill's lines. A batch has more signups the more come; `signups_a_month` says how many do, evenly."""
    runs, template = counts["runs"], counts["template"]
    idle = [Work(name, times, _times(runs[name], times)) for name, times in RUNS.items()]
    idle += [
        Work(function, HOURS, _times(runs[name], HOURS))
        for function, name in (("api_handler", "api_handler"), ("signups", CANARY_SIGNUP))
    ]
    batches = MILLION / _batch_size(signups_a_month)
    million = [Work("api_handler", MILLION, _times(runs["api_handler"], MILLION)), _delivery(runs, batches)]
    series = {one for run in runs.values() for one in run["series"]}
    polls = template["polled_queues"] * POLLERS * POLLS_AN_HOUR * HOURS
    memory, event_bytes = template["memory_mb"], counts["stored_bytes"]["event"]
    event_gb = event_bytes * MILLION * KEPT_DAYS / 30 / GIGABYTE
    return [
        Item("metrics", len(series) * METRIC, 0),
        Item("alarms", template["alarm_metrics"] * ALARM + template["composite_alarms"] * COMPOSITE_ALARM, 0),
        Item("logs", _logs(idle), _logs(million)),
        Item("secrets in Secrets Manager", SECRETS * SECRET + SECRET_READS * HOURS * SECRET_CALLS / MILLION, 0),
        Item("API Gateway (REST)", HOURS * REST_REQUESTS / MILLION, REST_REQUESTS),
        Item("Lambda", _lambda(idle, memory), _lambda(million, memory)),
        Item("SQS", _sqs(idle, polls + 2 * HOURS), _sqs(million, 2 * batches)),
        Item("DynamoDB, writing and reading", _units(idle), _units(million)),
        Item("DynamoDB, events kept for 90 days, with recovery", 0, event_gb * (TABLE_GB + RECOVERY_GB)),
        Item("DynamoDB, the nightly pass over them", 0, _nightly(event_gb, event_bytes)),
    ]


def _times(run: Counts, times: float) -> dict[str, float]:
    return {name: value * times for name, value in run.items() if isinstance(value, int | float)}


def _batch_size(signups_a_month: float) -> float:
    """Returns how many signups a worker finds when they come evenly: the first, and those that come in its window."""
    return 1 + signups_a_month / (HOURS * 3600) * WINDOW_SECONDS


def _delivery(runs: Counts, batches: float) -> Work:
    """Returns the work on a million signups in so many batches, from a batch of one and a larger one."""
    sizes = {int(name.rpartition(" ")[2]): _times(run, 1) for name, run in runs.items() if name.startswith("signups")}
    (small, one), (large, more) = sorted(sizes.items())
    each = {name: (more[name] - one[name]) / (large - small) for name in one}
    a_batch = {name: one[name] - each[name] * small for name in one}
    return Work("signups", batches, {name: each[name] * MILLION + a_batch[name] * batches for name in one})


def _logs(works: Iterable[Work]) -> float:
    """Returns the price of the lines, kept for a month."""
    written = sum(work.taken["log_bytes"] + PLATFORM_LOG_BYTES * work.invocations for work in works)
    return written / GIGABYTE * (LOG_GB + LOG_KEPT_GB)


def _lambda(works: Iterable[Work], memory: Mapping[str, int]) -> float:
    price = 0.0
    for work in works:
        megabytes, taken = memory[work.function], work.taken
        milliseconds = taken["processor_ms"] / min(1, megabytes / PROCESSORS_AT_MB)
        milliseconds += taken["aws_rounds"] * AWS_CALL_MS
        milliseconds += taken["provider_calls"] * PROVIDER_CALL_MS
        price += work.invocations / MILLION * LAMBDA_REQUESTS
        price += milliseconds / 1000 * megabytes / 1024 * LAMBDA_GB_SECOND
    return price


def _sqs(works: Iterable[Work], others: float) -> float:
    """Returns the price of the functions' requests, and of so many that Lambda makes for them."""
    return (sum(work.taken["sqs_calls"] for work in works) + others) / MILLION * SQS_REQUESTS


def _units(works: Iterable[Work]) -> float:
    return (
        sum(work.taken["write_units"] * WRITE_UNITS + work.taken["read_units"] * READ_UNITS for work in works) / MILLION
    )


def _nightly(event_gb: float, event_bytes: int) -> float:
    """Returns the price of the passes of a month over so many events: fewer, the more there are."""
    pages = math.ceil(event_gb * GIGABYTE / event_bytes / PAGE_ITEMS)
    units = event_gb * GIGABYTE / UNIT_BYTES / 2
    return units * NIGHTS / nights_between(pages) * READ_UNITS / MILLION


def table(counts: Counts) -> str:
    """Returns the table of `costs-and-limits.md`, and what follows from it, as Markdown."""
    rows = [
        (large.name, large.idle, large.million, one.idle + one.million * SMALL / MILLION)
        for large, one in zip(items(counts), items(counts, SMALL), strict=True)
    ]
    idle, million, month = (sum(column) for column in zip(*(row[1:] for row in rows), strict=True))
    nat, saved = (NAT_HOUR + ADDRESS_HOUR) * HOURS, REST_REQUESTS - HTTP_API_REQUESTS
    (secrets,) = [row[3] for row in rows if row[0].startswith("secrets")]
    lines = [
        f"| a month, in dollars | without signups | each million signups | {SMALL:,} signups |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(map(_dollars, amounts))} |" for name, *amounts in rows),
        f"| **together** | **{idle:.2f}** | **{million:.2f}** | **{month:.2f}** |",
        f"| a NAT gateway with one address, where a provider asks for it | {nat:.2f} | – | {nat:.2f} |",
        "",
        f"- A small organisation with three accounts and {SMALL:,} signups a month pays about "
        f"**€{month * EUROS:.0f} a month** (${month:.2f}), with a NAT gateway €{(month + nat) * EUROS:.0f}.",
        f"- With the secrets in Parameter Store, which costs nothing, it is ${secrets:.2f} less.",
        f"- An HTTP API instead of the REST API would cost ${HTTP_API_REQUESTS:.2f} a million requests, "
        f"${saved:.2f} less.",
    ]
    return "\n".join(lines)


def _dollars(amount: float) -> str:
    return "–" if round(amount, 2) == 0 else f"{amount:.2f}"
