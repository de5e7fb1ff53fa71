"""Settings that function processes read while they run: their clock and their fault rates, in one small file.

It also contains counters of the faults that the processes met and of the ways in which they died.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.shifted_clock import MovedClock

AWS_FAULTS = {
    "dynamodb": (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "InternalServerError",
        "ServiceUnavailable",
        "done, not answered",
        "not sent",
    ),
    "sqs": ("RequestThrottled", "InternalError", "done, not answered", "not sent"),
}
"""How a request to each service fails."""
DEATHS = ("before a provider's call", "after a provider's call", "before a write to the ledger")
"""Where a process may be killed by itself."""

_AWS_RATE, _AWS_DOWN_UNTIL, _DEATH_RATE, _FIRST_COUNT = range(1, 5)
_COUNTED = (
    "processes",
    *(f"{service} requests" for service in AWS_FAULTS),
    *(f"{service}: {kind}" for service, kinds in AWS_FAULTS.items() for kind in kinds),
    *(f"chances to die {place}" for place in DEATHS),
    *(f"died {place}" for place in DEATHS),
)
_PLACES = {name: _FIRST_COUNT + place for place, name in enumerate(_COUNTED)}


class Dials(MovedClock):
    """The clock and more numbers beside it. RateLimiter are written by the suite alone, counts by everybody."""

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
        """Probability that a process is killed right before or right after a provider executes a request."""
        return self._get(_DEATH_RATE)

    @death_rate.setter
    def death_rate(self, rate: float) -> None:
        self._set(_DEATH_RATE, rate)

    def count(self, what: str) -> int:
        """One more of it; how many there have been, in all processes."""
        with self._alone():
            number = self.counted(what) + 1
            self._set(_PLACES[what], number)
            return number

    def counted(self, what: str) -> int:
        """How many there have been."""
        return int(self._get(_PLACES[what]))

    def deaths(self) -> int:
        """How many processes have been killed by themselves."""
        return sum(self.counted(f"died {place}") for place in DEATHS)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
