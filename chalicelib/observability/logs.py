"""The one logger: JSON lines on standard output, redacted, with what is bound to the work under way."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any, ParamSpec, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from .redaction import redacted

P = ParamSpec("P")
R = TypeVar("R")

SERVICE = "relais"
# Libraries whose own lines may quote a URL or a body: they speak through the same formatter, and not below a warning.
_LIBRARIES = ("urllib3", "requests", "botocore", "boto3")

_bound: ContextVar[Mapping[str, Any]] = ContextVar("bound")


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines without addresses and secrets: message, arguments, extras, keys and exception texts.

    It never raises: the standard library answers a formatter's failure by printing the message and its arguments as
    they are. Output is ASCII, so that no terminal's or runtime's encoding can refuse a line.
    """

    def __init__(self) -> None:
        # The structured stack trace would say the exception's text a second time.
        super().__init__(utc=True, use_rfc3339=True, serialize_stacktrace=False)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON line."""
        # Whatever goes wrong, bad arguments or an object that cannot be read, ends in the poorer line below.
        with suppress(Exception):
            return super().format(record)
        return json.dumps(
            {
                "level": record.levelname,
                "location": f"{record.funcName}:{record.lineno}",
                "message": "a log line that could not be written stood here",
                "service": SERVICE,
            }
        )

    def serialize(self, log: Any) -> str:
        """`log` and the bound keys, redacted, as one line of JSON."""
        return json.dumps(redacted({**log, **{k: v for k, v in bound_keys().items() if k not in log}}))


class CurrentStdout(logging.Handler):
    """Writes to whatever `sys.stdout` is at that moment, so that a caller may redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a closed or broken output is nothing that logging could report anywhere."""
        line = self.format(record)
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            return


def _make_logger() -> Logger:
    handler = CurrentStdout()
    made = Logger(service=SERVICE, logger_handler=handler, logger_formatter=RedactingFormatter())
    # A handler of the root logger, Lambda's own or another's, would write the same line unredacted.
    logging.getLogger(SERVICE).propagate = False
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [handler]
        library.setLevel(logging.WARNING)
        library.propagate = False
    return made


logger = _make_logger()


def bound_keys() -> Mapping[str, Any]:
    """What is bound to the work under way in this thread or task."""
    return _bound.get({})


@contextmanager
def bound(**keys: Any) -> Iterator[None]:
    """Add `keys` (request id, function, account, event ids, never an address) to every line logged within."""
    token = _bound.set({**bound_keys(), **keys})
    try:
        yield
    finally:
        _bound.reset(token)


def with_log_context(function: Callable[P, R]) -> Callable[P, R]:
    """`function` for another thread, where it logs with what is bound here and now."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return run
