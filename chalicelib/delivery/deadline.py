"""Measures the time that is left of a Lambda invocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..effects import Clock

MARGIN_SECONDS = 4.0
"""Reserved at the end of an invocation to write the result of the last call."""
LEASE_GRACE = timedelta(seconds=5)


class Context(Protocol):
    """The part of Lambda's context object that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time when an invocation ends, by the injected clock."""

    ends_at: datetime
    clock: Clock

    @classmethod
    def of(cls, context: Context, clock: Clock) -> Deadline:
        """Returns the deadline of the invocation that `context` belongs to."""
        return cls(clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()), clock)

    @property
    def seconds_left(self) -> float:
        """Seconds that provider calls may still take; never negative."""
        return max(0.0, (self.ends_at - self.clock()).total_seconds() - MARGIN_SECONDS)

    @property
    def lease_until(self) -> datetime:
        """When leases taken in this invocation end: a few seconds after the invocation."""
        return self.ends_at + LEASE_GRACE
