"""Stores the median campaign of each account, once a day: its rates of opens, clicks and unsubscribes at each age.

Stored in the ledger, with the other state of an account: the statistics table has campaigns and snapshots only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from ..domain.curves import MEASURED, median_rates
from ..domain.figures import Snapshot
from ..ledger.table import Key, Table

PERIOD = timedelta(days=365)
MOST_CAMPAIGNS = 1000
"""The median is that of an account's newest campaigns of the last year, at most so many."""


@dataclass(frozen=True, slots=True)
class Medians:
    """The median rates (0 to 1) by age in hours, of opens, clicks and unsubscribes, as of a day."""

    day: date
    rates: tuple[list[tuple[int, float]], ...]


class MedianStore:
    """Reads and writes medians; `campaigns_since` yields an account's campaigns sent since a time, newest first."""

    def __init__(self, table: Table, campaigns_since: Callable[[str, datetime], Iterable[Snapshot]]) -> None:
        self._table = table
        self._campaigns_since = campaigns_since

    def read(self, account: str) -> Medians | None:
        """Returns the medians of an account; None until the first are stored, and for a malformed item.

        Raises LedgerUnavailable.
        """
        item = self._table.get(_key(account)) or {}
        try:
            stored = json.loads(item["medians"])
            rates = tuple([(int(age), float(rate)) for age, rate in one] for one in stored)
            return Medians(date.fromisoformat(item["day"]), rates) if len(rates) == len(MEASURED) else None
        except (KeyError, TypeError, ValueError):
            return None

    def refresh(self, account: str, now: datetime) -> bool:
        """Stores the medians of the day of `now` (aware), unless they are stored; True if it did.

        Costs one read an hour, and once a day a query of the account's campaigns. Raises LedgerUnavailable,
        StatsUnavailable.
        """
        stored = self.read(account)
        if stored is not None and stored.day >= now.date():
            return False
        rates = median_rates(islice(self._campaigns_since(account, now - PERIOD), MOST_CAMPAIGNS))
        rounded = [[(age, round(rate, 6)) for age, rate in one] for one in rates]
        values = {"day": now.date().isoformat(), "medians": json.dumps(rounded)}
        self._table.update(_key(account), "SET #day = :day, medians = :medians", values, names={"day": "day"})
        return True


def _key(account: str) -> Key:
    return f"S#{account}", "medians"
