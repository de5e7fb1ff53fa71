"""Counts the unsubscribes of each website form per clock hour, across all instances."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..domain.limits import clock_hour
from ..domain.times import format_time
from ..ledger.keys import form_hour_key
from ..ledger.table import Table

EXPIRES_AFTER = timedelta(days=2)


class FormHours:
    """Counts with one atomic write each, so that concurrent unsubscribes never get the same number."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def count_unsubscribe(self, form: str, at: datetime) -> int:
        """Counts one unsubscribe of `form` at `at`; returns its number within the hour, from 1.

        A write whose response is lost is repeated, so the number may be too high, never too low. Raises
        LedgerUnavailable.
        """
        hour = clock_hour(at)
        item = self._table.update(
            form_hour_key(form, format_time(hour)),
            "SET expires_at = :expires ADD unsubscribes :one",
            {"expires": int((hour + EXPIRES_AFTER).timestamp()), "one": 1},
        )
        return int(item["unsubscribes"])
