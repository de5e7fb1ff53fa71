"""Runs concurrent workers, each a process like a cold Lambda instance, which take batches of one queue in turn."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from local.bench import surroundings
from local.bench.consumed import Consumed
from local.bench.surroundings import peak_megabytes, take_on
from local.lambdas import events
from local.lambdas.environment import LambdaContext

Message = Mapping[str, Any]
LIST = "4781"
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function of a queue: its handler (module.function) and the maximum batch."""

    handler: str
    batch: int
    idles: bool
    """True if it accepts a batch without messages."""


@dataclass
class Work:
    """The totals of all workers; `peak_megabytes` is that of the largest."""

    seconds: float = 0.0
    peak_megabytes: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0


def signups(count: int, first: int = 0) -> Iterator[Message]:
    """Returns signups of so many people as messages received from a queue."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for number in range(first, first + count):
        event = {
            "id": f"signup-{number}",
            "type": "signup",
            "occurred_at": now,
            "account": "paris",
            "list": LIST,
            "email": f"person-{number}@example.com",
            "fields": {"prenom": "Camille", "nom": f"Exemple {number}"},
        }
        yield events.received(str(number), json.dumps(event))


def batches(messages: Iterable[Message], most: int) -> Iterator[list[Message]]:
    """Yields messages in batches of the size of the queue's trigger."""
    left = iter(messages)
    return iter(lambda: list(islice(left, most)), [])


def run(workers: int, environ: Mapping[str, str], function: Function, messages: Iterable[Message]) -> Work:
    """Runs so many workers of a function until all messages are taken. Times the work, not their start.

    Raises RuntimeError if a message was to come again.
    """
    work = list(batches(messages, function.batch))
    ready = surroundings.FRESH.Barrier(workers)
    done = Work()
    with ProcessPoolExecutor(workers, surroundings.FRESH, _begin, (dict(environ), function, ready)) as pool:
        list(pool.map(_is_ready, range(workers)))
        started = time.perf_counter()
        parts = list(pool.map(_invoke, work))
        done.seconds = time.perf_counter() - started
    for part in parts:
        done.calls += part.calls
        done.write_units += part.write_units
        done.read_units += part.read_units
        done.peak_megabytes = max(done.peak_megabytes, part.peak_megabytes)
    return done


class _Worker:
    """The state of a worker process."""

    handler: Callable[[Any, Any], Any]
    consumed: Consumed
    ready: Barrier


def _begin(environ: dict[str, str], function: Function, ready: Barrier) -> None:
    import botocore

    take_on(environ)
    _Worker.consumed, _Worker.ready = Consumed(), ready
    botocore.register_initializer(_Worker.consumed.watch)  # of every session made from now on
    _Worker.handler = staticmethod(warmed(function))


def warmed(function: Function) -> Callable[[Any, Any], Any]:
    """Imports a function's handler by its name; runs an empty batch first where the function accepts one."""
    module, _, name = function.handler.rpartition(".")
    found: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    if function.idles:
        invoke(found, [])
    return found


def _is_ready(_: int) -> None:
    _Worker.ready.wait(_TIMEOUT_SECONDS)


def _invoke(batch: list[Message]) -> Work:
    consumed = _Worker.consumed
    consumed.clear()
    invoke(_Worker.handler, batch)
    return Work(0.0, peak_megabytes(), Counter(consumed.calls), consumed.write_units, consumed.read_units)


def invoke(handler: Callable[[Any, Any], Any], batch: list[Message]) -> None:
    """Invokes once, without its log. Raises RuntimeError if a message is to be retried."""
    region = os.environ["AWS_REGION"]
    context = LambdaContext("signups", "bench", time.time() + _TIMEOUT_SECONDS, region, "512")
    with no_output():
        answer = handler(events.queued(batch, "signups", region), context)
    if answer["batchItemFailures"]:
        raise RuntimeError(f"{len(answer['batchItemFailures'])} of {len(batch)} messages failed")


@contextmanager
def no_output() -> Iterator[None]:
    """Suppresses the lines that a handler logs."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield
