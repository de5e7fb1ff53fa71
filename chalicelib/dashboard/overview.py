"""Reads what waits for an account, as the overview shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..domain.backoff import Pause
from ..domain.events import EventType
from ..domain.reasons import ReasonCode
from ..domain.times import from_epoch_milliseconds
from ..ledger.keys import due_partitions, quarantine_partition
from ..ledger.table import Table
from ..names import DUE_INDEX

MOST_WAITING = 100
"""Deliveries read from each partition of the index; with more, the number shown is a lower bound."""
STATISTICS_ARE_OLD = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for an account, without what is quarantined. `more`: there is more than was counted."""

    pending: int = 0
    more: bool = False
    quarantined: int = 0
    oldest: datetime | None = None
    unsubscribes: int = 0
    oldest_unsubscribe: datetime | None = None
    missing_forms: Mapping[str, int] = field(default_factory=dict)
    """Signups that wait for a form that is not in the configuration, by form."""


@dataclass(frozen=True, slots=True)
class AccountBlock:
    """An account on the overview."""

    name: str
    provider: str
    pause: Pause | None
    """It lasts until a success ends it, also while the account may be tried again."""
    paused_lists: Mapping[str, Pause]
    backlog: Backlog
    statistics: bool
    """Whether its provider has statistics."""
    last_statistics: datetime | None

    def state(self, now: datetime) -> str:
        """Return `paused`, `lists` (some of its lists are paused), `statistics` (they are old) or `well`."""
        if self.pause is not None:
            return "paused"
        if self.paused_lists:
            return "lists"
        old = self.last_statistics is not None and now - self.last_statistics > STATISTICS_ARE_OLD
        return "statistics" if self.statistics and old else "well"


def backlog(table: Table, account: str) -> Backlog:
    """Counts what waits for an account, by one query for each of its partitions. Raises LedgerUnavailable."""
    partitions = [(verb, name) for verb in EventType for name in due_partitions(account, verb)]
    found = table.in_parallel(
        lambda one: table.query_due(DUE_INDEX, one[1], None, MOST_WAITING, "accepted, quarantined, reason_code, form"),
        partitions,
    )
    return backlog_from(account, {name: (verb, items) for (verb, name), items in zip(partitions, found, strict=True)})


def backlog_from(account: str, partitions: Mapping[str, tuple[EventType, Sequence[Mapping[str, Any]]]]) -> Backlog:
    """Returns the backlog of what was read from each partition."""
    quarantine = quarantine_partition(account)
    waiting = [
        (verb, name == quarantine or item.get("quarantined") is True, item.get("accepted"))
        for name, (verb, items) in partitions.items()
        for item in items
    ]
    free = [(verb, at) for verb, quarantined, at in waiting if not quarantined]
    unsubscribes = [at for verb, at in free if verb is EventType.UNSUBSCRIBE]
    return Backlog(
        pending=len(free),
        more=any(len(items) >= MOST_WAITING for name, (_, items) in partitions.items() if name != quarantine),
        quarantined=len(waiting) - len(free),
        oldest=_moment([at for _, at in free if isinstance(at, int)]),
        unsubscribes=len(unsubscribes),
        oldest_unsubscribe=_moment([at for at in unsubscribes if isinstance(at, int)]),
        missing_forms=Counter(
            str(item.get("form"))
            for _, items in partitions.values()
            for item in items
            if item.get("reason_code") == ReasonCode.FORM_REMOVED.value
        ),
    )


def _moment(times: Sequence[int]) -> datetime | None:
    return from_epoch_milliseconds(min(times)) if times else None
