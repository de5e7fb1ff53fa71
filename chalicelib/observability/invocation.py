"""The time that the running Lambda invocation has left, for code that waits far below the handler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_remaining: ContextVar[Callable[[], int] | None] = ContextVar("remaining", default=None)


@contextmanager
def invocation(context: object) -> Iterator[None]:
    """Makes the time of `context`, Lambda's own or anything else, known to what runs within.

    Threads know it, too, if their work was passed through `observability.carried`.
    """
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    token = _remaining.set(remaining if callable(remaining) else None)
    try:
        yield
    finally:
        _remaining.reset(token)


def seconds_left() -> float | None:
    """Seconds until Lambda ends the running invocation; None if no invocation, or none with a limit, is running."""
    remaining = _remaining.get()
    return None if remaining is None else remaining() / 1000
