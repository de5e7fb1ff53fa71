"""The environment of benchmarks: an embedded AWS with the stage's tables, and processes like cold Lambda instances."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, TypeVar

import boto3

from local import resources
from local.aws import process
from local.options import DEFAULT_REGION, STAGE, stack_environ
from local.template import additions
from local.template_reader import Queue, Table, queues_and_tables

R = TypeVar("R")

FRESH: BaseContext = multiprocessing.get_context("spawn")
"""Starts processes that have imported nothing yet."""


@dataclass(frozen=True, slots=True)
class Measured(Generic[R]):
    """A function's result, its seconds, and its process's peak memory."""

    result: R
    seconds: float
    peak_megabytes: float


@cache
def described() -> tuple[list[Queue], list[Table]]:
    """Returns the queues and tables of the stage."""
    return queues_and_tables(additions(STAGE), DEFAULT_REGION)


@contextmanager
def product(config: str) -> Iterator[Mapping[str, str]]:
    """Yields the environment of a product with this configuration, over an empty AWS of its own."""
    aws = process.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "relais.toml"
            path.write_text(config)
            environ = stack_environ({**os.environ, "AWS_DEFAULT_REGION": DEFAULT_REGION}, aws.endpoint, path)
            queues, tables = described()
            resources.create(queues, tables, client("sqs", environ), client("dynamodb", environ))
            yield environ
    finally:
        aws.stop()


def client(service: str, environ: Mapping[str, str]) -> Any:
    """Returns a client of the AWS of that environment."""
    endpoint = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ["AWS_ENDPOINT_URL"]
    make: Any = boto3.Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]).client
    return make(service, endpoint_url=endpoint, region_name=environ["AWS_REGION"])


def in_fresh_process(environ: Mapping[str, str], function: Callable[..., R], *arguments: object) -> Measured[R]:
    """Calls a module's function in a new process with that environment; only its own time is measured."""
    with ProcessPoolExecutor(1, mp_context=FRESH, initializer=take_on, initargs=(dict(environ),)) as pool:
        return pool.submit(_measure, function, arguments).result()


def take_on(environ: dict[str, str]) -> None:
    """Replaces this process's environment."""
    os.environ.clear()
    os.environ.update(environ)


def _measure(function: Callable[..., R], arguments: tuple[object, ...]) -> Measured[R]:
    started = time.perf_counter()
    result = function(*arguments)
    return Measured(result, time.perf_counter() - started, peak_megabytes())


def peak_megabytes() -> float:
    """Returns the peak memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's ru_maxrss includes the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
