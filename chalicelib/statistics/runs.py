"""When each account's statistics were last read to their end.

Kept in the ledger, with what else is known of an account, and not among the statistics: those stay untouched by a run
that finds nothing new.
"""

from __future__ import annotations

from datetime import datetime

from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..ledger.table import ConditionFailed, Key, Table


class LastRuns:
    """The time of the last good run of each account."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def last_good(self, account: str) -> datetime | None:
        """When the account was last read without an error; None: never. Raises `LedgerUnavailable`."""
        return self._noted(account, "good_at")

    def last_hour(self, account: str) -> datetime | None:
        """The schedule's time of the account's last good run; None: there was none. Raises `LedgerUnavailable`."""
        return self._noted(account, "good_hour")

    def first_tried(self, account: str, at: datetime) -> datetime:
        """When an account that was never read without an error was first tried: `at` if not before.

        Raises `LedgerUnavailable`.
        """
        change, values = "SET tried_at = if_not_exists(tried_at, :at)", {"at": epoch_milliseconds(at)}
        return from_epoch_milliseconds(self._table.update(_key(account), change, values)["tried_at"])

    def _noted(self, account: str, attribute: str) -> datetime | None:
        item = self._table.get(_key(account))
        return from_epoch_milliseconds(item[attribute]) if item and attribute in item else None

    def record_success(self, account: str, at: datetime, hour: datetime) -> None:
        """Note a good run that ended at `at`, unless a later one is noted already; `hour` is the schedule's time.

        Raises `LedgerUnavailable`.
        """
        try:
            self._table.update(
                _key(account),
                "SET good_at = :at, good_hour = :hour",
                {"at": epoch_milliseconds(at), "hour": epoch_milliseconds(hour)},
                condition="attribute_not_exists(good_at) OR good_at <= :at",
            )
        except ConditionFailed:
            return


def _key(account: str) -> Key:
    return f"S#{account}", "stats"
