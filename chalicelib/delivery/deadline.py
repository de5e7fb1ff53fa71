"""How much of an invocation is left, for everybody who works in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..clock import Clock

MARGIN_SECONDS = 4.0
"""Kept back at the end of an invocation to write down what came of the last call."""
HOLD_GRACE = timedelta(seconds=5)


class Context(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment when an invocation ends, by the same clock as all else."""

    ends_at: datetime
    clock: Clock

    @classmethod
    def of(cls, context: Context, clock: Clock) -> Deadline:
        """The deadline of the invocation that `context` belongs to."""
        return cls(clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()), clock)

    @property
    def seconds_left(self) -> float:
        """Seconds that provider calls may still take; never negative."""
        return max(0.0, (self.ends_at - self.clock()).total_seconds() - MARGIN_SECONDS)

    @property
    def holds_end_at(self) -> datetime:
        """Until when an address taken in this invocation is held: its end and a few seconds."""
        return self.ends_at + HOLD_GRACE
