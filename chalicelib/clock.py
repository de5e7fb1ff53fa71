"""The one clock. Everything that needs the time is handed a `Clock`, so that tests can hand it another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
