"""The system clock. Code that needs the time takes a `Clock`, so that tests can pass another."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

Clock = Callable[[], datetime]


system_clock: Clock = partial(datetime.now, UTC)
"""Returns the current time, aware, in UTC."""


def monotonic_and_wall() -> tuple[float, ...]:
    """Reads both clocks in seconds: the monotonic one may stop while an instance is frozen, the other may jump."""
    return time.monotonic(), time.time()
