"""Waiting for something to become true, never for luck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
_SHARE_OF_THE_WAIT = 0.1


def pauses() -> Iterator[float]:
    """Pauses between checks: short at first, then a tenth of the time passed.

    Checks use processor time, which the awaited work may need.
    """
    started = time.monotonic()
    while True:
        passed = time.monotonic() - started
        yield min(max(FIRST_PAUSE_SECONDS, passed * _SHARE_OF_THE_WAIT), LONGEST_PAUSE_SECONDS)


def wait_for(condition: Callable[[], T], deadline_seconds: float = 30.0, every_seconds: float | None = None) -> T:
    """Return the first true result of `condition`; after `deadline_seconds` raise AssertionError with the last one."""
    deadline = time.monotonic() + deadline_seconds
    for pause in pauses():
        if result := condition():
            return result
        if time.monotonic() > deadline:
            break
        time.sleep(pause if every_seconds is None else every_seconds)
    raise AssertionError(f"still {result!r} after {deadline_seconds} seconds")
