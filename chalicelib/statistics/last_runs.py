"""Stores when each account's statistics were last read completely.

Stored in the ledger, with the other state of an account, and not in the statistics table: a run that finds no change
writes nothing there.
"""

from __future__ import annotations

from datetime import datetime

from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..ledger.table import Key, Table


class LastRuns:
    """Reads and writes the time of each account's last successful run."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def last_good(self, account: str) -> datetime | None:
        """Returns when the account was last read without an error; None: never. Raises `LedgerUnavailable`."""
        return self._recorded(account, "good_at")

    def last_hour(self, account: str) -> datetime | None:
        """Returns the schedule's time of the last successful run; None: there was none. Raises `LedgerUnavailable`."""
        return self._recorded(account, "good_hour")

    def first_tried(self, account: str, at: datetime) -> datetime:
        """Returns when an account that was never read without an error was first tried: `at` if not before.

        Raises `LedgerUnavailable`.
        """
        change, values = "SET tried_at = if_not_exists(tried_at, :at)", {"at": epoch_milliseconds(at)}
        return from_epoch_milliseconds(self._table.update(_key(account), change, values)["tried_at"])

    def _recorded(self, account: str, attribute: str) -> datetime | None:
        item = self._table.get(_key(account))
        return from_epoch_milliseconds(item[attribute]) if item and attribute in item else None

    def record_success(self, account: str, at: datetime, hour: datetime) -> None:
        """Records a successful run that ended at `at`, unless a later one is recorded; `hour` is the schedule's time.

        Raises `LedgerUnavailable`.
        """
        self._table.try_update(
            _key(account),
            "SET good_at = :at, good_hour = :hour",
            {"at": epoch_milliseconds(at), "hour": epoch_milliseconds(hour)},
            condition="attribute_not_exists(good_at) OR good_at <= :at",
        )


def _key(account: str) -> Key:
    return f"S#{account}", "stats"
