"""What the suite turns while function processes run: their clock, and how much goes wrong for them. One small file."""

from __future__ import annotations

import fcntl
import time

from tests.support.moved_clock import MovedClock

_AWS_RATE, _AWS_DOWN_UNTIL, _DEATH_RATE, _PROCESSES = range(1, 5)


class Dials(MovedClock):
    """The clock and more numbers beside it, written by the suite alone (but for the count of processes)."""

    @property
    def aws_rate(self) -> float:
        """The share of a function's requests to AWS that fail."""
        return 1.0 if time.time() < self._get(_AWS_DOWN_UNTIL) else self._get(_AWS_RATE)

    @aws_rate.setter
    def aws_rate(self, rate: float) -> None:
        self._set(_AWS_RATE, rate)

    def aws_down_for(self, seconds: float) -> None:
        """Every request fails for so long."""
        self._set(_AWS_DOWN_UNTIL, time.time() + seconds)

    @property
    def death_rate(self) -> float:
        """How likely a process is to be killed right before, or right after, a provider does what it asks for."""
        return self._get(_DEATH_RATE)

    @death_rate.setter
    def death_rate(self, rate: float) -> None:
        self._set(_DEATH_RATE, rate)

    def next_process(self) -> int:
        """A number for a new process, from 1."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._set(_PROCESSES, self._get(_PROCESSES) + 1)
            return int(self._get(_PROCESSES))
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @property
    def processes(self) -> int:
        """How many processes there have been."""
        return int(self._get(_PROCESSES))
