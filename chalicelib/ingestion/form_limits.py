"""Limits the unsubscribes of a form: anybody can submit any address, and some lists cannot resubscribe a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..config.model import Form
from ..domain.events import Quarantine
from ..domain.times import format_time
from ..ledger.keys import form_hour_key
from ..ledger.table import Table

QUARANTINE_LENGTH = timedelta(hours=24)
COUNTS_EXPIRE_AFTER = timedelta(days=2)


def quarantine_unsubscribe(table: Table, form: Form, at: datetime) -> Quarantine | None:
    """Counts an unsubscribe of a form, accepted at `at`; returns its quarantine if it is above the form's limit.

    It then waits for an operator, at most a day: it may be genuine. Raises LedgerUnavailable.
    """
    if count_unsubscribe(table, form.name, at) <= form.unsubscribes_per_hour:
        return None
    above = f"more than {form.unsubscribes_per_hour} unsubscribes in an hour"
    return Quarantine(at + QUARANTINE_LENGTH, f"quarantined: the form {form.name} brought {above}; resend releases it")


def count_unsubscribe(table: Table, form: str, at: datetime) -> int:
    """Counts one unsubscribe of `form` in the UTC hour of `at` (aware); returns its number within the hour, from 1.

    One atomic write, so that concurrent unsubscribes of all instances never get the same number. A write whose response
    is lost is repeated, so the number may be too high, never too low. Raises LedgerUnavailable.
    """
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    item = table.update(
        form_hour_key(form, format_time(hour)),
        "SET expires_at = :expires ADD unsubscribes :one",
        {"expires": int((hour + COUNTS_EXPIRE_AFTER).timestamp()), "one": 1},
    )
    return int(item["unsubscribes"])
