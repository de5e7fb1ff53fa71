"""Counts the pending deliveries of an account, as the overview shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..domain.backoff import Pause
from ..domain.reasons import ReasonCode
from ..domain.times import from_epoch_milliseconds
from ..ledger.keys import IndexRange, sort_keys
from ..ledger.table import Table
from ..names import DUE_INDEX

MOST_WAITING = 400
"""Deliveries of an account that are read; with more, the number shown is a lower bound."""
STATISTICS_ARE_OLD = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The pending deliveries of an account, without quarantined ones. `more`: there are more than were counted.

    Unsubscribes are read first. If not all deliveries are read, `oldest` is the oldest of those that were read.
    """

    pending: int = 0
    more: bool = False
    oldest: datetime | None = None
    unsubscribes: int = 0
    more_unsubscribes: bool = False
    oldest_unsubscribe: datetime | None = None
    missing_forms: Mapping[str, int] = field(default_factory=dict)
    """Signups that wait for a form that is not in the configuration, by form."""


@dataclass(frozen=True, slots=True)
class AccountBlock:
    """An account on the overview."""

    name: str
    provider: str
    pause: Pause | None
    """It lasts until a call succeeds, also while the account may already be tried again."""
    paused_lists: Mapping[str, Pause]
    backlog: Backlog
    statistics: bool
    """Whether its provider has statistics."""
    last_statistics: datetime | None

    def state(self, now: datetime) -> str:
        """Returns `paused`, `lists` (some of its lists are paused), `statistics` (they are old) or `well`."""
        if self.pause is not None:
            return "paused"
        if self.paused_lists:
            return "lists"
        old = self.last_statistics is not None and now - self.last_statistics > STATISTICS_ARE_OLD
        return "statistics" if self.statistics and old else "well"


def backlog(table: Table, account: str) -> Backlog:
    """Counts an account's pending deliveries by one query. Raises LedgerUnavailable."""
    between = sort_keys(IndexRange.UNSUBSCRIBE, IndexRange.SYNC)
    return backlog_from(
        table.query_due(DUE_INDEX, account, between, MOST_WAITING, "due_sk, accepted, reason_code, form")
    )


def backlog_from(entries: Sequence[Mapping[str, Any]]) -> Backlog:
    """Returns the backlog of the entries that were read: unsubscribes come first, each type by the time it is due."""
    unsubscribes = [one for one in entries if str(one.get("due_sk")).startswith(IndexRange.UNSUBSCRIBE)]
    missing = [one for one in entries if one.get("reason_code") == ReasonCode.FORM_REMOVED.value]
    return Backlog(
        pending=len(entries),
        more=len(entries) >= MOST_WAITING,
        oldest=_oldest(entries),
        unsubscribes=len(unsubscribes),
        more_unsubscribes=len(unsubscribes) >= MOST_WAITING,
        oldest_unsubscribe=_oldest(unsubscribes),
        missing_forms=Counter(str(one.get("form")) for one in missing),
    )


def _oldest(entries: Sequence[Mapping[str, Any]]) -> datetime | None:
    times = [at for one in entries if isinstance(at := one.get("accepted"), int)]
    return from_epoch_milliseconds(min(times)) if times else None
