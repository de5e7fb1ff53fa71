"""Delivers the same signups with Relais and with a textbook worker, and more of them with Relais alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from local import sandbox
from local.bench.memory_table import Spent, served
from local.bench.surroundings import client, in_fresh_process, product
from local.bench.table import Cell, Row, ratio
from local.bench.workers import LIST, Function, Work, batches, invoke, run, signups, warmed
from local.sandbox import Sandbox
from local.sandbox.ediware.models import ContactList
from local.sandbox.ediware.samples import API_KEY

SIDE_BY_SIDE, MANY = 1_000, 10_000
GROWTH = (1_000, 10_000, 100_000)
WORKERS = 5
LATENCY_SECONDS = 0.1
RELAIS = Function("app.signups", batch=1_000, idles=True)  # as in app.py
BASELINE = Function("local.bench.baseline.worker.handler", batch=10, idles=False)  # SQS's default
_BASELINE_TABLES = {"IDEMPOTENCY_TABLE": "baseline-idempotency", "SIGNUPS_TABLE": "baseline-signups"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The result of delivering so many signups once, by several workers or by one."""

    signups: int
    work: Work
    provider_calls: int


def rows() -> Iterator[Row]:
    """Compares Relais with the baseline, then measures Relais with ten and a hundred times as many signups."""
    one = _deliver(BASELINE, SIDE_BY_SIDE)
    yield from _beside(_deliver(RELAIS, SIDE_BY_SIDE), one)
    yield from _times(_deliver(RELAIS, MANY), one)
    yield from _growth()


def _beside(relais: Delivered, other: Delivered) -> Iterator[Row]:
    columns = ["Relais", "baseline", "baseline of Relais'"]
    count = f"{SIDE_BY_SIDE:,} signups"
    yield Row(f"provider calls, {count}", _both(relais.provider_calls, other.provider_calls), columns)
    yield Row(
        f"DynamoDB calls a signup, {count}",
        _both(relais.work.calls.total() / relais.signups, other.work.calls.total() / other.signups),
        columns,
    )
    for what in ("write", "read"):
        each = [getattr(side.work, f"{what}_units") / side.signups for side in (relais, other)]
        yield Row(f"{what} units a signup, {count}", _both(*each), columns)
    peaks = _both(relais.work.peak_megabytes, other.work.peak_megabytes)
    yield Row(f"a worker's peak memory, MB, {count}", peaks, columns)


def _times(relais: Delivered, other: Delivered) -> Iterator[Row]:
    columns = ["Relais", "baseline", "baseline of Relais'"]
    scale = relais.signups / other.signups
    label = f"seconds for {MANY:,} signups, {WORKERS} workers each, {LATENCY_SECONDS * 1000:.0f} ms a provider call"
    yield Row(
        f"{label} (baseline: {scale:.0f} × what {SIDE_BY_SIDE:,} took)",
        _both(relais.work.seconds, other.work.seconds * scale),
        columns,
    )
    waits = [LATENCY_SECONDS * calls for calls in (relais.provider_calls, other.provider_calls * scale)]
    yield Row("seconds of waiting for the provider in these, all workers together", _both(*waits), columns)


def _both(relais: Cell, other: Cell) -> list[Cell]:
    return [relais, other, ratio(float(other), float(relais))]


def _deliver(function: Function, count: int) -> Delivered:
    """Delivers so many signups with `WORKERS` workers to a slow provider."""
    with _environment() as (environ, running):
        running.simulation.faults.add([{"kind": "latency", "delay_seconds": LATENCY_SECONDS}])
        work = run(WORKERS, environ, function, signups(count))
        return Delivered(count, work, _calls(running, count))


@contextmanager
def _environment() -> Iterator[tuple[Mapping[str, str], Sandbox]]:
    """Yields the environment of either worker, and the sandbox with an empty list."""
    with sandbox.start() as running, product(sandbox.sample_config(running.url, ["ediware"])) as environ:
        _list(running).rows.clear()
        for name in _BASELINE_TABLES.values():
            client("dynamodb", environ).create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            )
        provider = {"PROVIDER_URL": f"{running.url}/ediware/api_http", "PROVIDER_KEY": API_KEY}
        yield {**environ, **_BASELINE_TABLES, **provider}, running


def _list(running: Sandbox) -> ContactList:
    provider: Any = running.simulation.providers["ediware"]
    found: ContactList = provider.accounts["paris"].lists[LIST]
    return found


def _calls(running: Sandbox, count: int) -> int:
    """Returns the provider's calls. Raises RuntimeError unless exactly these people were signed up, each once."""
    signed_up = Counter(row["email"] for row in _list(running).rows)
    if len(signed_up) != count or signed_up.total() != count:
        raise RuntimeError(f"{len(signed_up)} of {count} people were signed up, in {signed_up.total()} rows")
    return sum(running.simulation.call_log.summary()["ediware"]["calls"].values())


def _growth() -> Iterator[Row]:
    """Delivers with one worker over a table in memory, so that only the product's cost grows."""
    runs = [_grown(count) for count in GROWTH]
    columns = [f"{count:,} signups" for count in GROWTH]
    for what in ("provider calls", *(f"{what} a signup" for what in ("DynamoDB calls", "write units", "read units"))):
        yield Row(f"one worker, table in memory: {what}", [_figure(what, each) for each in runs], columns)
    first = runs[0]
    times = [ratio(each.work.seconds / each.signups, first.work.seconds / first.signups) for each in runs]
    yield Row("one worker, table in memory: time a signup", times, columns)
    peaks = [each.work.peak_megabytes for each in runs]
    yield Row("one worker, table in memory: peak memory, MB", peaks, columns)


def _figure(what: str, delivered: Delivered) -> Cell:
    match what:
        case "provider calls":
            return delivered.provider_calls
        case "DynamoDB calls a signup":
            return delivered.work.calls.total() / delivered.signups
        case "write units a signup":
            return delivered.work.write_units / delivered.signups
        case _:
            return delivered.work.read_units / delivered.signups


def _grown(count: int) -> Delivered:
    with _environment() as (environ, running), served() as table:
        measured = in_fresh_process(environ, deliver_over, table, count)
        work = replace(measured.result, peak_megabytes=measured.peak_megabytes)
        return Delivered(count, work, _calls(running, count))


def deliver_over(table: Any, count: int) -> Work:
    """Delivers so many signups, batch after batch, with `table` in place of the product's DynamoDB."""
    from chalicelib.container import container

    container().__dict__["_dynamodb"] = table
    handler = warmed(RELAIS)
    table.forget_what_was_spent()
    started = time.perf_counter()
    for batch in batches(signups(count), RELAIS.batch):
        invoke(handler, batch)
    seconds = time.perf_counter() - started
    spent: Spent = table.spent()
    return Work(seconds, 0.0, spent.calls, spent.write_units, spent.read_units)
