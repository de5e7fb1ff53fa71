"""Writes redacted JSON log lines to standard output, with the log context, which the threads of a pool inherit."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from threading import Thread
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from .redaction import redacted_line

P = ParamSpec("P")
R = TypeVar("R")

SERVICE = "relais"
# Libraries whose lines may quote a URL or a body: they log through the same formatter, from warnings on.
_LIBRARIES = ("urllib3", "requests", "botocore", "boto3")

_LEFT_OUT = ("location", "service")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_log_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=_NOTHING)


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Redacts Powertools' JSON lines: message, arguments, extras, keys and exception texts.

    Output is ASCII, so that no terminal or runtime encoding can reject a line.
    """

    def __init__(self) -> None:
        # The structured stack trace would repeat the exception's text; messages are texts, never JSON to be read.
        super().__init__(utc=True, use_rfc3339=True, serialize_stacktrace=False, json_deserializer=str)

    def serialize(self, log: Any) -> str:
        """Serialises `log` and the log context, redacted, as one line of JSON.

        Most lines are of level INFO, and logs are paid by the byte, so those lines omit `location` and `service`.
        """
        if log.get("level") == "INFO":
            log = {name: value for name, value in log.items() if name not in _LEFT_OUT}
        return json.dumps(redacted_line({**log, **_log_context.get(), **log}))


class CurrentStdout(logging.Handler):
    """Writes to the current `sys.stdout`, so that a caller may redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line; ignores a closed or broken output, which could not be reported anywhere.

        Never raises: on a handler's failure, the standard library prints the message and its arguments unredacted.
        """
        try:
            line = self.format(record)
        except Exception:  # bad arguments, an object that cannot be converted
            line = json.dumps(
                {
                    "level": record.levelname,
                    "location": f"{record.funcName}:{record.lineno}",
                    "message": "log line could not be formatted",
                    "service": SERVICE,
                }
            )
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            return


def _make_logger() -> Logger:
    handler = CurrentStdout()
    made = Logger(service=SERVICE, logger_handler=handler, logger_formatter=RedactingFormatter())
    # A handler of the root logger, such as Lambda's, would write the same line unredacted.
    logging.getLogger(SERVICE).propagate = False
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [handler]
        library.setLevel(logging.WARNING)
        library.propagate = False
    return made


logger = _make_logger()


@contextmanager
def log_context(**keys: Any) -> Iterator[None]:
    """Adds `keys` (request id, function, account, event ids, never an address) to every line logged within."""
    token = _log_context.set({**_log_context.get(), **keys})
    try:
        yield
    finally:
        _log_context.reset(token)


class ContextPool(ThreadPoolExecutor):
    """A pool whose threads inherit the log context and the remaining time of the thread that submits the work."""

    def submit(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Schedules one call; `map` uses this for each value."""
        run: Any = copy_context().run
        return super().submit(run, work, *args, **kwargs)


def until_time_is_up(jobs: Iterable[Callable[[], None]], seconds_left: Callable[[], float]) -> None:
    """Runs every job in its own thread, with the log context, until all have ended or no time is left.

    The threads are daemons: a provider that ignores its budget delays neither the answer nor the end of the process.
    """
    threads = [Thread(target=copy_context().run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(0.0, seconds_left()))
