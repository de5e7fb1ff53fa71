"""Waiting for something to become true, never for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], deadline_seconds: float = 10.0, every_seconds: float = 0.05) -> T:
    """The first true result of `condition`. Raises AssertionError with its last result after `deadline_seconds`."""
    deadline = time.monotonic() + deadline_seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {result!r} after {deadline_seconds} seconds")
        time.sleep(every_seconds)
    return result
