"""Starts one execution environment under Lambda's runtime client, and times it to its first answer and beyond."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lambdas.runtime_api import Invocation, RuntimeApi
from local.lambdas.runtime_client import function_environ, isolated

_TIMEOUT_SECONDS = 60
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Startable:
    """A packaged function with the event that starts it; `answered` tells a right answer."""

    name: str
    root: Path
    handler: str
    memory_mb: int
    environ: Mapping[str, str]
    event: Callable[[], Any]
    answered: Check


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds and processor seconds from the start of the process: of the initialisation, and to the first answer."""

    initialised: float
    seconds: float
    initialised_cpu: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Environment:
    """An execution environment that has answered its first event; `answer` has it answer another one."""

    started: Started
    answer: Callable[[], tuple[float, float]]
    """Returns processor seconds and seconds. Raises WrongAnswer."""


class WrongAnswer(Exception):
    """A function did not answer as it should; the text holds its log."""


@contextmanager
def running(
    function: Startable, log: Path, *, limit: Callable[[int], None] | None = None, python: str = sys.executable
) -> Iterator[Environment]:
    """Starts the function and has it answer one event; yields the environment, which ends with the context.

    From the first event on, the process is given to `limit`. The event is there before the function is, as when a
    request causes the cold start. Raises WrongAnswer.
    """
    marks: list[tuple[float, float]] = []

    def initialised() -> None:
        marks.append((time.perf_counter(), _cpu(process.pid)))
        if limit is not None:
            limit(process.pid)

    def answer() -> tuple[float, float]:
        began, before = time.perf_counter(), _cpu(process.pid)
        _await(api.invoke(function.event(), function.name, _TIMEOUT_SECONDS), function, process, log)
        ended = time.perf_counter()
        return _cpu(process.pid) - before, ended - began

    api = RuntimeApi(initialised)
    first = api.invoke(function.event(), function.name, _TIMEOUT_SECONDS)
    lambdas = function_environ(function.name, function.handler, function.memory_mb)
    environ = {**function.environ, **lambdas, "AWS_LAMBDA_RUNTIME_API": api.address}
    command = isolated("-m", "awslambdaric", function.handler, python=python)
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=function.root, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            _await(first, function, process, log)
            ended, cpu = time.perf_counter(), _cpu(process.pid)
            (at, initial_cpu), *_ = marks
            yield Environment(Started(at - began, ended - began, initial_cpu, cpu), answer)
        finally:
            process.kill()
            process.wait()
            api.stop()


def _await(invocation: Invocation, function: Startable, process: subprocess.Popen[bytes], log: Path) -> None:
    while not invocation.answered.wait(0.5):
        if process.poll() is not None:
            raise WrongAnswer(f"{function.name} ended:\n{log.read_text()[-2000:]}")
    kind, body = invocation.answer or ("error", None)
    if kind == "error" or not function.answered(body):
        raise WrongAnswer(f"{function.name} answered {json.dumps(body)[:500]}\n{log.read_text()[-2000:]}")


def _cpu(pid: int) -> float:
    """Returns the processor seconds of all threads of a process so far: the clock that Linux keeps for it."""
    return time.clock_gettime((~pid << 3) | 2)
