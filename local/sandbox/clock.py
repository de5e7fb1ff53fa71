"""The sandbox's clock, which can be stopped and advanced, so that a test controls when figures grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _now() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """The time of the simulated providers, by default this machine's. Thread-safe."""

    def __init__(self, present: Callable[[], datetime] = _now) -> None:
        self._present = present
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._frozen_at: datetime | None = None
        self.started = present()

    def now(self) -> datetime:
        """Returns the sandbox's time, aware, in UTC."""
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        return (self._frozen_at or self._present()) + self._offset

    def advance(self, seconds: float) -> None:
        """Advances the clock (with a negative number, sets it back)."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    def freeze(self, frozen: bool) -> None:
        """Stops the clock, or lets it run on from where it stopped."""
        with self._lock:
            if frozen and self._frozen_at is None:
                self._frozen_at = self._present()
            elif not frozen and self._frozen_at is not None:
                self._offset -= self._present() - self._frozen_at
                self._frozen_at = None

    @property
    def frozen(self) -> bool:
        """True while the clock is stopped."""
        return self._frozen_at is not None

    def reset(self) -> None:
        """Returns to the real time, running."""
        with self._lock:
            self._offset, self._frozen_at = timedelta(), None
            self.started = self._present()


def paris(moment: datetime) -> datetime:
    """Returns `moment` in Paris time without a zone, as two of the vendors write their times.

    Computed by the European rule, since `zoneinfo` needs files that a machine may not have.
    """
    utc = moment.astimezone(UTC)
    summer = _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)
    return (utc + timedelta(hours=2 if summer else 1)).replace(tzinfo=None)


def _last_sunday(year: int, month: int) -> datetime:
    """Returns 01:00 UTC on the last Sunday of a month of 31 days, when Europe changes its clocks."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
