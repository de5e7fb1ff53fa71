"""The remaining time of the running Lambda invocation, for code that waits far below the handler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_remaining: ContextVar[Callable[[], int] | None] = ContextVar("remaining", default=None)


@contextmanager
def invocation(context: object) -> Iterator[None]:
    """Make the remaining time of `context`, if it is Lambda's, available within.

    Threads see it if their function was wrapped by `observability.with_log_context`.
    """
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    token = _remaining.set(remaining if callable(remaining) else None)
    try:
        yield
    finally:
        _remaining.reset(token)


def seconds_left() -> float | None:
    """Return seconds until Lambda ends the running invocation; None outside one, or without a limit."""
    remaining = _remaining.get()
    return None if remaining is None else remaining() / 1000
