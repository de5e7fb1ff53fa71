"""How many unsubscribes a form may bring: anybody can fill it in for anybody, and some lists have no way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .events import HeldBack

HELD_BACK_FOR = timedelta(hours=24)


def clock_hour(at: datetime) -> datetime:
    """The beginning of the UTC hour of `at` (aware)."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def held_back(form: str, brought: int, limit: int, at: datetime) -> HeldBack | None:
    """What becomes of the unsubscribe that `form` brought as the `brought`-th of its hour, accepted at `at`.

    None: it is told at once. What is above `limit` waits for an operator, and for a day at most: it may be genuine.
    """
    if brought <= limit:
        return None
    reason = f"held back: the form {form} brought more than {limit} unsubscribes in an hour; resend releases it"
    return HeldBack(at + HELD_BACK_FOR, reason)
