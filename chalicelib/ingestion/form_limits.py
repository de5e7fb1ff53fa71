"""What each website form brought within an hour of the clock, counted for all instances together."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..domain.limits import clock_hour
from ..domain.times import format_time
from ..ledger.keys import form_hour_key
from ..ledger.table import Table

KEPT = timedelta(days=2)


class FormHours:
    """Counts by one write each, so that two that come at once are never the same number."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def count_unsubscribe(self, form: str, at: datetime) -> int:
        """Count one unsubscribe that `form` brings at `at`; gives which one of its hour it is, from 1.

        A write whose answer is lost is made once more, so the number may be too high, never too low. Raises
        LedgerUnavailable.
        """
        hour = clock_hour(at)
        item = self._table.update(
            form_hour_key(form, format_time(hour)),
            "SET expires_at = :expires ADD unsubscribes :one",
            {"expires": int((hour + KEPT).timestamp()), "one": 1},
        )
        return int(item["unsubscribes"])
