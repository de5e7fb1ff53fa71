"""How many of Relais' own functions a signup and an unsubscribe pass through, on the HTTP side and in the worker."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from local import sandbox
from local.bench.surroundings import in_fresh_process, product
from local.bench.table import Row
from local.bench.workers import no_output
from local.lambdas import events
from local.lambdas.environment import LambdaContext

ROOT = Path(__file__).resolve().parents[2]
_OURS = (f"{ROOT}/app.py", f"{ROOT}/chalicelib/")
_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")
"""What Python runs as functions and the reader sees as a part of one; lambdas count."""
Calls = Counter[tuple[str, str]]
"""Calls by file and function."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls that something took, in all threads and, of these, on the thread that the handler itself runs on."""

    in_all: Calls = field(default_factory=Counter)
    own: Calls = field(default_factory=Counter)


def rows() -> Iterator[Row]:
    """Calls of functions in `app.py` and `chalicelib`, the different functions among them, and their files."""
    with sandbox.start() as running, product(sandbox.sample_config(running.url, ["ediware"])) as environ:
        counted = in_fresh_process(environ, count_calls).result
    for what, calls in counted.items():
        for where, some in (("in all threads", calls.in_all), ("on the handler's own thread", calls.own)):
            files = {file for file, _ in some}
            yield Row(f"{what}, {where}", [some.total(), len(some), len(files)], ["calls", "functions", "files"])


def count_calls() -> dict[str, Counted]:
    """Returns the calls of a second signup and a second unsubscribe: by HTTP, and from the message in the worker."""
    import app

    counted: dict[str, Counted] = {}
    with no_output():
        for verb in ("signup", "unsubscribe"):
            for person in ("first", "second"):
                with watched() as calls:
                    event_id = _submit(app.app, verb, person)
                counted[f"a form's {verb}"] = calls
                with watched() as calls:
                    _work(getattr(app, f"{verb}s"), f"{verb}s", event_id)
                counted[f"the worker's {verb}, from message to provider and back"] = calls
    return counted


@contextmanager
def watched() -> Iterator[Counted]:
    """Counts the calls of functions in `app.py` and `chalicelib` on this thread and on those started meanwhile."""
    calls, own_thread = Counted(), threading.get_ident()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(_OURS) and code.co_name not in _COMPREHENSIONS:
            called = code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname
            calls.in_all[called] += 1
            if threading.get_ident() == own_thread:
                calls.own[called] += 1

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _submit(handler: Callable[[Any, Any], Any], verb: str, person: str) -> str:
    event = json.loads((ROOT / "events" / f"http_form_{verb}.json").read_text())
    for headers in ("headers", "multiValueHeaders"):
        event[headers].pop("Idempotency-Key", None)
    answer = handler({**event, "body": f"email={person}%40example.com&prenom=Zo%C3%A9"}, None)
    if answer["statusCode"] != 202:
        raise RuntimeError(f"a {verb} was answered with {answer['statusCode']}")
    event_id: str = json.loads(answer["body"])["id"]
    return event_id


def _work(handler: Callable[[Any, Any], Any], queue: str, event_id: str) -> None:
    """Invokes a queue's function once with the notification of one event."""
    message = events.received(event_id, json.dumps({"event_ids": [event_id]}))
    region = os.environ["AWS_REGION"]
    answer = handler(
        events.queued([message], queue, region), LambdaContext(queue, "bench", time.time() + 60, region, "512")
    )
    if answer["batchItemFailures"]:
        raise RuntimeError("the message was to be redelivered")
