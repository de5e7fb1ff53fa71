"""Wraps every handler: log context, remaining time, duration, failures, and the flush of metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..domain.errors import RelaisError
from . import metrics
from .logs import log_context, logger
from .redaction import redact

P = ParamSpec("P")
R = TypeVar("R")

FREQUENT = frozenset(["api_handler", "signups", "unsubscribes"])
"""Functions with too many invocations to log each of them: Lambda's own line has the duration. Only cold starts, slow
invocations and failures are logged."""
SLOW_SECONDS = 1.0
_first = True
_remaining: ContextVar[Callable[[], int] | None] = ContextVar("remaining", default=None)


class HandlerFailed(RelaisError):
    """Replaces an exception whose text must be redacted: the Lambda runtime prints exceptions unchanged."""


@contextmanager
def observing(function: str, request_id: str | None = None, context: object = None) -> Iterator[None]:
    """Binds `function` and `request_id` to the log, records duration and failure, always flushes the metrics.

    `context` is Lambda's; code within reads its remaining time by `seconds_left`.

    Re-raises an exception, as `HandlerFailed` where its text or a cause's contains an address or a secret.
    """
    global _first
    facts: dict[str, Any] = {"cold_start": _first}
    _first = False
    started = time.monotonic()
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    token = _remaining.set(remaining if callable(remaining) else None)
    with log_context(function=function, request_id=request_id):
        try:
            yield
            seconds = time.monotonic() - started
            if function not in FREQUENT or facts["cold_start"] or seconds >= SLOW_SECONDS:
                logger.info("done", extra={**facts, "seconds": round(seconds, 3)})
        except Exception as error:
            metrics.count("failures")
            logger.exception("failed", extra={**facts, "seconds": round(time.monotonic() - started, 3)})
            if _needs_redaction(error):
                raise HandlerFailed(f"{type(error).__name__}: {redact(str(error))}") from None
            raise
        finally:
            _remaining.reset(token)
            metrics.flush()


def seconds_left() -> float | None:
    """Returns seconds until Lambda ends the running invocation; None outside one, or without a limit.

    Works in the threads of a `ContextPool`, too.
    """
    remaining = _remaining.get()
    return None if remaining is None else remaining() / 1000


def instrumented(handler: Callable[P, R]) -> Callable[P, R]:
    """Runs a Lambda handler within `observing`, under its own name, with the request id of its context.

    For `handler(event, context)` and for Chalice's `handler(event)`, whose event has the context.
    """

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        candidates = (one for arg in args for one in (arg, getattr(arg, "context", None)))
        context = next((one for one in candidates if isinstance(getattr(one, "aws_request_id", None), str)), None)
        with observing(handler.__name__, getattr(context, "aws_request_id", None), context):
            return handler(*args, **kwargs)

    return run


def _needs_redaction(error: BaseException, seen: frozenset[int] = frozenset()) -> bool:
    """Returns whether `redact` would change the text of `error`, its notes, causes or parts."""
    if id(error) in seen:
        return False
    texts = [str(error), *getattr(error, "__notes__", ())]
    if any(redact(text) != text for text in texts):
        return True
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    others = [other for other in (error.__cause__, error.__context__, *parts) if other is not None]
    return any(_needs_redaction(other, seen | {id(error)}) for other in others)
