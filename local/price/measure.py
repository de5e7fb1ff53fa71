"""Counts what one warm run of each function costs: requests to AWS, DynamoDB's units, bytes of log, series of metrics.

The product runs as packaged, with the sample configuration's three accounts, over the embedded AWS and the sandbox.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local import sandbox
from local.bench.consumed import Consumed
from local.bench.surroundings import client, in_fresh_process, product
from local.lambdas import events
from local.lambdas.environment import LambdaContext
from local.template import ROOT, additions, functions, resource_name

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks

STAGE = "local"
REPEATS = 12
_LINE_BYTES = 26
"""Bytes that CloudWatch adds to each line's."""
_OVERHEAD = 100
"""Bytes that DynamoDB adds to each item's."""
_CANARY = """
[accounts.nowhere]
provider = "sink"
[forms.canary]
account = "nowhere"
[forms.canary.fields]
email = "@email"
"""
CANARY_SIGNUP = "the canary's signup"
BATCH = 10
"""Signups of the larger of two batches, whose difference tells what one costs."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one warm invocation takes."""

    write_units: float
    read_units: float
    dynamodb_calls: int
    sqs_calls: int
    provider_calls: int
    log_bytes: int
    processor_ms: float
    aws_rounds: int
    """Calls to AWS that began while no other was under way: the others wait concurrently with one."""
    series: tuple[str, ...]
    """The metrics that CloudWatch gets from it."""


def measure() -> dict[str, Any]:
    """Returns all counts, as `counts.json` stores them. Takes some seconds."""
    with sandbox.start() as running, product(_config(running.url)) as environ:
        runs: dict[str, Run] = in_fresh_process(environ, run_all).result
        stored = _stored_bytes(client("dynamodb", environ))
    return {
        "runs": {name: asdict(run) for name, run in runs.items()},
        "stored_bytes": stored,
        "template": of_template(),
    }


def _config(sandbox_url: str) -> str:
    """Returns the sample configuration, with a canary; its first reading of unsubscribes makes no events that wait."""
    section = "[sync.unsubscribes]\n"
    text = sandbox.sample_config(sandbox_url)
    if section not in text:
        raise RuntimeError("the sample configuration reads no unsubscribes")
    return text.replace(section, section + 'baseline = "known"\n') + _CANARY


def _stored_bytes(dynamodb: Any) -> dict[str, int]:
    """Returns the bytes that a delivered signup leaves in the ledger, by the first letter of its items' keys."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=f"relais-{STAGE}-ledger")
    sizes: dict[str, list[int]] = {"E": [], "A": []}
    for page in pages:
        for item in page["Items"]:
            kind = item["pk"]["S"][0]
            if kind in sizes and ("email" in item or kind == "A"):
                sizes[kind].append(_OVERHEAD + sum(len(name) + _size(value) for name, value in item.items()))
    return {"event": max(sizes["E"]), "subscription_state": max(sizes["A"])}


def _size(value: Mapping[str, Any]) -> int:
    """Returns the bytes of an attribute's value, as DynamoDB counts them, about."""
    ((_, held),) = value.items()
    if isinstance(held, Mapping):
        return 3 + sum(1 + len(name) + _size(each) for name, each in held.items())
    if isinstance(held, list):
        return 3 + sum(1 + (_size(each) if isinstance(each, Mapping) else len(each)) for each in held)
    return len(held.encode()) if isinstance(held, str) else 1


def of_template() -> dict[str, Any]:
    """Returns what the template makes AWS charge for: metrics that alarms read, composite alarms, memory, queues."""
    resources = additions(STAGE)["Resources"].values()
    alarms = [each["Properties"] for each in resources if each.get("Type") == "AWS::CloudWatch::Alarm"]
    settings = json.loads((ROOT / ".chalice" / "config.json").read_text())
    own = settings["lambda_functions"]
    return {
        "alarm_metrics": sum(
            len([part for part in alarm.get("Metrics", [{"MetricStat": 0}]) if "MetricStat" in part])
            for alarm in alarms
        ),
        "composite_alarms": sum(each.get("Type") == "AWS::CloudWatch::CompositeAlarm" for each in resources),
        "polled_queues": sum(
            1 for function in functions() if f"{resource_name(function)}Queue" in additions(STAGE)["Resources"]
        ),
        "memory_mb": {name: own[name].get("lambda_memory_size", settings["lambda_memory_size"]) for name in own},
    }


def run_all() -> dict[str, Run]:
    """Invokes each handler several times; returns the counts of the cheapest run, and the least processor time.

    The others set something up, or begin another item of a list that lasts for many runs.
    """
    import boto3

    import app

    boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    counter = _Counter(session.events)
    schedules = {name: getattr(app, name) for name in ("sweep", "sync_unsubscribes", "collect_stats")}
    runs: dict[str, Run] = {}

    def record(name: str, run: Run) -> None:
        before = runs.get(name, run)
        least = min(before, run, key=lambda one: (one.write_units, one.read_units, one.provider_calls))
        runs[name] = replace(
            least,
            processor_ms=min(before.processor_ms, run.processor_ms),
            aws_rounds=min(before.aws_rounds, run.aws_rounds),
        )

    for _ in range(REPEATS):  # first, while nothing waits
        for name, handler in schedules.items():
            event = events.scheduled(name, datetime.now(UTC), os.environ["AWS_REGION"])
            record(name, counter.answered(handler, event, _context(name))[0])
    for attempt in range(REPEATS):
        for size in (1, BATCH):
            ids = []
            for number in range(size):
                run, answer = counter.answered(app.app, _signup(f"price-{size}-{attempt}-{number}"), None)
                record("api_handler", run)
                ids.append(json.loads(answer["body"])["id"])
            record(f"signups of {size}", counter.answered(app.signups, _batch(ids), _context("signups"))[0])
        for name, run in _canary(counter, attempt):
            record(name, run)
    return runs


def _canary(counter: _Counter, attempt: int) -> Iterator[tuple[str, Run]]:
    """Delivers the canary's signup, and has the canary post another one; the first run finds none before it."""
    import app
    from chalicelib.operators import canary

    posted = json.loads(app.app(_signup(f"canary-{attempt}", "canary"), None)["body"])["id"]
    yield CANARY_SIGNUP, counter.answered(app.signups, _batch([posted]), _context("signups"))[0]
    canary.post_form = lambda url, fields: posted
    event = events.scheduled("canary", datetime.now(UTC), os.environ["AWS_REGION"])
    run, found = counter.answered(app.canary, event, _context("canary"))
    if attempt:
        if found["previous"] != "delivered":
            raise RuntimeError(f"the canary answered {found}")
        yield "canary", run


class _Counter:
    """Counts what invocations do, one after the other."""

    def __init__(self, hooks: BaseEventHooks) -> None:
        self._consumed = Consumed()
        self._consumed.watch(hooks)
        self._sqs = self._under_way = self._rounds = 0
        self._lock = threading.Lock()
        for service in ("sqs", "dynamodb"):
            hooks.register(f"before-call.{service}", self._begins)
            hooks.register(f"after-call.{service}", self._ends)
        hooks.register("after-call.sqs", self._called)

    def answered(self, handler: Callable[[Any, Any], Any], event: Any, context: Any) -> tuple[Run, Any]:
        """Returns what an invocation takes, and its answer."""
        self._consumed.clear()
        self._sqs = self._rounds = 0
        written, before = io.StringIO(), time.process_time()
        with redirect_stdout(written):
            answer = handler(event, context)
        took, lines = time.process_time() - before, written.getvalue()
        found = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        run = Run(
            self._consumed.write_units,
            self._consumed.read_units,
            self._consumed.calls.total(),
            self._sqs,
            int(sum(line.get("provider_calls", 0) for line in found)),
            len(lines.encode()) + _LINE_BYTES * len(lines.splitlines()),
            round(took * 1000, 1),
            self._rounds,
            tuple(sorted({name for line in found for name in _series(line)})),
        )
        return run, answer

    def _called(self, **_: Any) -> None:
        self._sqs += 1

    def _begins(self, **_: Any) -> None:
        with self._lock:
            self._rounds += self._under_way == 0
            self._under_way += 1

    def _ends(self, **_: Any) -> None:
        with self._lock:
            self._under_way -= 1


def _series(line: Mapping[str, Any]) -> list[str]:
    return [
        metric["Name"] + ("" if len(dimensions) == 1 else f" of {line['account']}")
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ())
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    ]


def _context(function: str) -> LambdaContext:
    return LambdaContext(function, "price", time.time() + 300, os.environ["AWS_REGION"], "512")


def _signup(person: str, form: str = "footer") -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    for headers in ("headers", "multiValueHeaders"):
        event[headers].pop("Idempotency-Key", None)
    return {**event, "pathParameters": {"form": form}, "body": f"email={person}%40example.com&prenom=Zo%C3%A9"}


def _batch(event_ids: Sequence[str]) -> dict[str, Any]:
    messages = [events.received(event_id, json.dumps({"event_ids": [event_id]})) for event_id in event_ids]
    return events.queued(messages, "signups", os.environ["AWS_REGION"])
