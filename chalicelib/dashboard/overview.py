"""Reads the overview: what needs a person, the accounts, the forms of the last four weeks, the newest campaigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..domain.backoff import AccountState, Pause
from ..domain.events import EventType
from ..domain.reasons import ReasonCode
from ..domain.times import from_epoch_milliseconds
from ..ledger.day_counts import DayCount
from ..ledger.keys import due_partitions, quarantine_partition
from ..ledger.table import Table
from ..names import DUE_INDEX
from ..statistics.form_days import FormDay, form_days

DAYS = 28
"""Days of a form's curve."""
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


@dataclass(frozen=True, slots=True)
class FormBlock:
    """A form on the overview: its signups of each of the last days, the oldest first."""

    name: str
    account: str
    list: str
    signups: Sequence[int]
    unsubscribes: Sequence[int]
    last_day: date | None
    """The last day with a signup, of those that are shown."""

    @property
    def total(self) -> int:
        """Return the signups of all days."""
        return sum(self.signups)

    @property
    def yesterday(self) -> int:
        """Return the signups of the last whole day."""
        return self.signups[-2]


@dataclass(frozen=True, slots=True)
class Attention:
    """Deliveries of one kind that need a person: pending ones of a paused account have their account's notice."""

    parked: int = 0
    refused: int = 0
    quarantined: int = 0
    more: Mapping[str, bool] = field(default_factory=dict)


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


def account_block(
    name: str, provider: str, state: AccountState, waits: Backlog, *, statistics: bool, last_statistics: datetime | None
) -> AccountBlock:
    """Returns the block of an account; a pause counts until a success ends it, also while it may be tried again."""
    return AccountBlock(name, provider, state.pause, dict(state.lists), waits, statistics, last_statistics)


def form_blocks(
    forms: Iterable[tuple[str, str, str]], counts: Iterable[DayCount], today: date, days: int = DAYS
) -> list[FormBlock]:
    """Returns the blocks of forms, given as name, account and list, from the counts of the last days."""
    found: dict[str, dict[date, FormDay]] = {}
    for one in form_days(counts):
        found.setdefault(one.form, {})[one.day] = one
    shown = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    blocks = []
    for name, account, list_id in forms:
        of_day = [found.get(name, {}).get(day) for day in shown]
        signups = [one.people if one else 0 for one in of_day]
        blocks.append(
            FormBlock(
                name,
                account,
                list_id,
                signups,
                [one.unsubscribes if one else 0 for one in of_day],
                next((day for day, number in zip(reversed(shown), reversed(signups), strict=True) if number), None),
            )
        )
    return blocks


def first_day(now: datetime, days: int = DAYS) -> date:
    """Returns the first of the UTC days that the overview shows."""
    return now.astimezone(UTC).date() - timedelta(days=days - 1)


def _moment(times: Sequence[int]) -> datetime | None:
    return from_epoch_milliseconds(min(times)) if times else None
