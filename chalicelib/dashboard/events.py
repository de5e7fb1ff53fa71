"""What needs a person: groups by reason from the counts, deliveries from the index, and a person's state by address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from ..domain.addresses import normalise
from ..domain.events import EventType, Status, StoredEvent
from ..domain.ids import is_valid_id
from ..domain.ordering import SubscriptionState, all_settled, merge
from ..domain.reasons import EXPECTED_REFUSALS, ReasonCode
from ..domain.times import from_epoch_milliseconds
from ..ledger.attention import AttentionEntry, AttentionList, AttentionQuery
from ..ledger.attention_index import BadCursor, Listed
from ..ledger.day_counts import DayCount
from ..ledger.keys import EVERY_ACCOUNT, UNCONFIRMED_PARTITION

PAGE = 50
MOST_SEARCHED = 200
"""Events read to find an address: at most so many that need attention, and as many that wait for a confirmation."""
MOST_AT_ONCE = 1000
"""Deliveries that one action sends again or discards: an answer must come within the gateway's 29 seconds."""


@dataclass(frozen=True, slots=True)
class EventsChoice:
    """What a person chose to see, or to act on; None: any."""

    status: Listed | None = None
    account: str | None = None
    form: str | None = None
    code: str | None = None
    day: date | None = None
    cursor: str | None = None
    type: EventType | None = None

    @property
    def is_any(self) -> bool:
        """True if nothing was chosen."""
        return (self.status, self.type, self.account, self.form, self.code, self.day) == (None,) * 6

    def parameters(self) -> dict[str, str]:
        """Returns the choice as parameters of the page, without the place in the list."""
        given = {
            "status": self.status.value if self.status else None,
            "type": self.type.value if self.type else None,
            "account": self.account,
            "form": self.form,
            "code": self.code,
            "day": self.day.isoformat() if self.day else None,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries that share type, account, form and reason. `code` is empty where none is known, `type` for all.

    `more`: there may be more than `number`.
    """

    status: Listed
    type: str
    account: str
    form: str
    code: str
    number: int
    newest: date
    more: bool = False


@dataclass(frozen=True, slots=True)
class Events:
    """One page of deliveries, and the cursor of the next; None: there is none."""

    entries: Sequence[AttentionEntry]
    cursor: str | None
    is_partial: bool = False
    """True if the page is short because only a part of the list was searched; `cursor` continues the search."""

    @property
    def rows(self) -> list[tuple[AttentionEntry, Sequence[str]]]:
        """Returns each event once for each of its states, with the accounts at which it has that state."""
        accounts: dict[tuple[str, Status, bool], list[str]] = {}
        first: dict[tuple[str, Status, bool], AttentionEntry] = {}
        for entry in self.entries:
            key = (entry.event_id, entry.status, entry.quarantined)
            accounts.setdefault(key, []).append(entry.account)
            first.setdefault(key, entry)
        return [(entry, accounts[key]) for key, entry in first.items()]

    @property
    def ids(self) -> tuple[str, ...]:
        """Returns the ids of the events."""
        return tuple(dict.fromkeys(entry.event_id for entry in self.entries))


@dataclass(frozen=True, slots=True)
class PersonAtAccount:
    """What is known of an address at an account: no address, no field."""

    account: str
    signed_up_at: datetime | None
    unsubscribed_at: datetime | None
    suppressed: bool
    forgotten_at: datetime | None
    events: Sequence[str]


def read_choice(given: Mapping[str, str], accounts: Collection[str]) -> EventsChoice:
    """Returns the choice that a page's parameters make; one that cannot be read counts as not made."""
    status, account, code = (given.get(name) or None for name in ("status", "account", "code"))
    try:
        day = date.fromisoformat(given.get("day", ""))
    except ValueError:
        day = None
    return EventsChoice(
        status=Listed(status) if status in [one.value for one in Listed] else None,
        account=account if account in accounts else None,
        form=(given.get("form") or "")[:63] or None,
        code=code if code in [one.value for one in ReasonCode] else None,
        day=day,
        cursor=given.get("cursor") or None,
        type=EventType(given["type"]) if given.get("type") in [one.value for one in EventType] else None,
    )


def find(
    attention: AttentionList,
    choice: EventsChoice,
    accounts: Iterable[str],
    now: datetime,
    limit: int = PAGE,
    account_of: Mapping[str, str] | None = None,
    confirm_within: timedelta = timedelta(),
) -> Events:
    """Reads a page of deliveries: one query for each account that has few of them. Raises LedgerUnavailable.

    `account_of` is the account of each form with double opt-in. Unconfirmed signups, of which there may be many and
    about which nobody can do anything, are included only if pending deliveries of all accounts were chosen.
    `confirm_within`: as in `AttentionQuery`.

    A page filtered by form, reason or day may be short and still have a next one. With a cursor of another list, the
    page begins at the newest delivery.
    """
    day = None if choice.day is None else datetime.combine(choice.day, time(), UTC)
    unconfirmed = account_of and choice.status is Listed.PENDING and not choice.account
    query = AttentionQuery(
        accounts=(choice.account,)
        if choice.account
        else (*accounts, *((UNCONFIRMED_PARTITION,) if unconfirmed else ())),
        statuses=(choice.status,) if choice.status else tuple(Listed),
        form=choice.form,
        code=ReasonCode(choice.code) if choice.code else None,
        since=day,
        until=day and day + timedelta(days=1, milliseconds=-1),
        limit=limit,
        cursor=choice.cursor,
        type=choice.type,
        confirm_within=confirm_within,
    )
    try:
        page = attention.page(query, now)
    except BadCursor:
        return find(attention, _first(choice), accounts, now, limit, account_of, confirm_within)
    entries = [
        replace(entry, account=(account_of or {}).get(entry.form or "", ""))
        if entry.account == UNCONFIRMED_PARTITION
        else entry
        for entry in page.entries
        if entry.reason_code is not ReasonCode.DISCARDED
    ]
    return Events(entries, page.cursor, page.cursor is not None and len(page.entries) < limit)


def groups(
    counts: Iterable[DayCount],
    accounts: Collection[str],
    quarantined: Iterable[AttentionEntry] = (),
    *,
    more_quarantined: bool = False,
) -> list[Group]:
    """Returns what needs a person by account, form and reason, the largest group first.

    Parked deliveries, and refused ones unless their refusal is expected (`EXPECTED_REFUSALS`), are taken from the
    counts of each day; quarantined events from `quarantined`, by type and form, each once whatever the number of its
    accounts. With `more_quarantined` that has only the newest of them.
    """
    numbers: Counter[tuple[Listed, str, str, str, str]] = Counter()
    newest: dict[tuple[Listed, str, str, str, str], date] = {}
    for count in counts:
        listed = {Status.REFUSED.value: Listed.REFUSED, Status.PARKED.value: Listed.PARKED}.get(count.outcome)
        if listed is None or count.account not in accounts or count.code in EXPECTED_REFUSALS:
            continue
        key = (listed, "", count.account, count.form, count.code or "")
        numbers[key] += count.number
        newest[key] = max(newest.get(key, count.day), count.day)
    for entry in {entry.event_id: entry for entry in quarantined}.values():
        key = (Listed.QUARANTINED, entry.type.value, "", entry.form or "", ReasonCode.QUARANTINED.value)
        numbers[key] += 1
        newest[key] = max(newest.get(key, entry.accepted_at.date()), entry.accepted_at.date())
    found = [
        Group(*key, number, newest[key], more=more_quarantined and key[0] is Listed.QUARANTINED)
        for key, number in numbers.items()
    ]
    return sorted(found, key=lambda one: (-one.number, one.account, one.form, one.type, one.code))


def person(
    states: Mapping[str, Sequence[SubscriptionState]],
    accounts: Iterable[str],
    status_of: Callable[[str, str], Status | None],
) -> list[PersonAtAccount]:
    """Returns what is known of an address at each account, with the ids of its latest events there.

    `states` has those under every address key, by account; `status_of(account, event_id)` returns the state of a
    delivery, which shows whether the last one succeeded.
    """
    for_all = all_settled(states.get(EVERY_ACCOUNT, ()), lambda event_id: None)
    found = []
    for account in accounts:
        known = states.get(account, ())
        own = all_settled(known, partial(status_of, account))
        state = merge(own, for_all)
        events = [*(one.lease.event for one in known if one.lease), own.unsubscribed_by, for_all.unsubscribed_by]
        found.append(
            PersonAtAccount(
                account,
                _moment(state.signed_up_at),
                _moment(state.unsubscribed_at),
                state.is_suppressed,
                _moment(state.forgotten_at),
                [one for one in dict.fromkeys(events) if one and is_valid_id(one)],
            )
        )
    return found


def _moment(at: int | None) -> datetime | None:
    return None if at is None else from_epoch_milliseconds(at)


def _first(choice: EventsChoice) -> EventsChoice:
    return replace(choice, cursor=None)


def waiting_of(
    email: str,
    attention: AttentionList,
    load: Callable[[Sequence[str]], Iterable[StoredEvent]],
    accounts: Collection[str],
    now: datetime,
) -> tuple[list[StoredEvent], bool]:
    """Finds an address among the newest events that are pending, quarantined, refused or parked.

    Returns those of the address, the newest first, and whether there are older ones that were not searched. There is no
    index from addresses to events, since that would cost each signup a write more. Raises LedgerUnavailable.
    """
    pages = [
        attention.page(AttentionQuery(names, limit=MOST_SEARCHED), now)
        for names in (tuple(accounts), (UNCONFIRMED_PARTITION,))
    ]
    ids = list(dict.fromkeys(entry.event_id for page in pages for entry in page.entries))
    sought = normalise(email)
    found = [one for one in load(ids) if one.event.email and normalise(one.event.email) == sought]
    found.sort(key=lambda one: one.event.accepted_at, reverse=True)
    return found, any(page.cursor is not None for page in pages)
