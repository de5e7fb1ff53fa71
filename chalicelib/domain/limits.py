"""Limits the unsubscribes of a form: anybody can submit any address, and some lists cannot resubscribe a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .events import Quarantine

QUARANTINE_LENGTH = timedelta(hours=24)


def clock_hour(at: datetime) -> datetime:
    """Returns the start of the UTC hour of `at` (aware)."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def quarantine_of(form: str, brought: int, limit: int, at: datetime) -> Quarantine | None:
    """Returns the quarantine of the `brought`-th unsubscribe of `form` in its hour, accepted at `at`.

    None up to `limit`: it is propagated at once. Above it, it waits for an operator, at most a day: it may be genuine.
    """
    if brought <= limit:
        return None
    reason = f"held back: the form {form} brought more than {limit} unsubscribes in an hour; resend releases it"
    return Quarantine(at + QUARANTINE_LENGTH, reason)
