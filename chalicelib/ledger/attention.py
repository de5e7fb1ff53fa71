"""Lists what needs attention: deliveries that wait, are parked, quarantined, or refused but not as trap or spam.

They are in the `due` index, in one partition for each account; its entries have all that a list shows. A first page
costs one query for each account if that finds enough, at most one for each range of the index (`keys.IndexRange`), and
no scan. Parked and refused deliveries are in the order of acceptance; pending ones are sorted by type and due time,
which is 60 to 90 seconds after the acceptance for an untried delivery.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..domain.events import Delivery, EventType, Status
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms
from ..names import DUE_INDEX
from .attention_index import (
    KINDS,
    TYPES,
    Listed,
    ListedRange,
    Place,
    are_neighbours,
    decode_cursor,
    encode_cursor,
    place_of,
)
from .attributes import Attributes, well_formed
from .keys import LATEST, UNCONFIRMED_PARTITION, WAITING, IndexRange, event_id_of, parse_sort_key, sort_key
from .table import Table

MORE_QUERIES = 24
"""Queries of a page beyond the first ones: a rare form, reason or day may leave a page short."""
READ_ON = 1000
"""Entries that each of them reads for a page with such a filter: parsing more at once could take a second."""
_MILLISECOND = timedelta(milliseconds=1)


def is_listed(delivery: Delivery, statuses: Collection[Listed], now: datetime) -> bool:
    """Returns whether a delivery belongs in a list of these statuses."""
    if delivery.status is Status.PENDING:
        return Listed.PENDING in statuses or (Listed.QUARANTINED in statuses and delivery.waits_for_release(now))
    return delivery.needs_attention and Listed(delivery.status.value) in statuses


@dataclass(frozen=True, slots=True)
class AttentionEntry:
    """A delivery as the index shows it; the index is eventually consistent."""

    event_id: str
    account: str
    type: EventType
    form: str | None
    status: Status
    reason: str | None
    reason_code: ReasonCode | None
    quarantined: bool
    accepted_at: datetime
    updated_at: datetime | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttentionPage:
    """Entries, the newest first, and the cursor of the next page; None on the last page."""

    entries: tuple[AttentionEntry, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class AttentionQuery:
    """Restricts a list. `since` and `until` bound the time of acceptance, and are part of it.

    `cursor` continues a list of the same restrictions. `UNCONFIRMED_PARTITION` among the accounts stands for the
    signups that wait for their person, whatever their account; most are due `confirm_within` after their acceptance.
    """

    accounts: tuple[str, ...]
    statuses: Collection[Listed] = tuple(Listed)
    form: str | None = None
    since: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    code: ReasonCode | None = None
    until: datetime | None = None
    type: EventType | None = None
    confirm_within: timedelta = timedelta()


class AttentionList:
    """Reads pages of the list. Raises LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, query: AttentionQuery, now: datetime) -> AttentionPage:
        """Returns at most `query.limit` deliveries, newest first.

        A page may be shorter, even empty, and still have a cursor. Pending deliveries are sorted by acceptance within
        a page, and by due time from page to page. Raises BadCursor.
        """
        ranges = _ranges(query)
        place = None if query.cursor is None else decode_cursor(query.cursor, ranges)
        reading = _Reading(self._table, query, place, to_ms(now), MORE_QUERIES)
        found: list[_Read] = []
        end: Place | None = None
        for read in heapq.merge(*reading.streams(ranges), key=lambda read: read.place.order):
            if len(found) == query.limit:
                end = found[-1].place
            elif read.entry is None:
                end = read.place
            if end is not None:
                break
            found.append(read)
        entries = [read.entry for read in found if read.entry is not None]
        entries.sort(key=lambda entry: (entry.accepted_at, entry.event_id), reverse=True)
        return AttentionPage(tuple(entries), None if end is None else encode_cursor(end))

    def newest(self, query: AttentionQuery, now: datetime) -> Mapping[Listed, tuple[Sequence[AttentionEntry], bool]]:
        """Returns the newest deliveries of each status of `query` except pending, and whether there are more.

        For each account these are what its first queries read: all, or about `query.limit` of each status.
        """
        ranges = _ranges(query)
        reading = _Reading(self._table, query, None, to_ms(now), MORE_QUERIES)
        found: dict[Listed, tuple[list[AttentionEntry], bool]] = {}
        for part, (items, last) in zip(ranges, reading.firsts(ranges), strict=True):
            entries, more = found.get(part.listed, ([], False))
            read = [one.entry for one in reading.wanted(part, items) if one.entry is not None]
            found[part.listed] = ([*entries, *read], more or last is not None)
        return found


@dataclass(frozen=True, slots=True)
class _Read:
    """An entry and its place. Without an entry, reading has stopped at that place."""

    place: Place
    entry: AttentionEntry | None


_First = tuple[list[dict[str, Any]], Place | None]
"""What was read of a range, and the place after which more follows."""


@dataclass(slots=True)
class _Reading:
    """Reads the ranges of one page, each as a stream in the order of the list."""

    table: Table
    query: AttentionQuery
    after: Place | None
    now: int
    more_queries: int

    def streams(self, ranges: Sequence[ListedRange]) -> list[Iterator[_Read]]:
        """Makes the first queries, those of different accounts concurrently; returns the streams."""
        return [self._stream(part, *first) for part, first in zip(ranges, self.firsts(ranges), strict=True)]

    def firsts(self, ranges: Sequence[ListedRange]) -> list[_First]:
        """Reads the beginning of each range.

        Neighbouring ranges of an account are read together unless the query has bounds: these are times, and the times
        of one range are not comparable with those of the next.
        """
        together = self.after is None and self.query.since is None and self.query.until is None
        runs: list[list[ListedRange]] = []
        for part in ranges:
            if together and runs and are_neighbours(runs[-1][-1], part):
                runs[-1].append(part)
            else:
                runs.append([part])
        return [first for firsts in self.table.in_parallel(self._read_run, runs) for first in firsts]

    def wanted(self, part: ListedRange, items: Sequence[dict[str, Any]]) -> Iterator[_Read]:
        """Parses entries of a range; leaves out what the query does not want, and what is malformed."""
        for item in items:
            read = well_formed(lambda item: _read_from(item, part), item)
            if read is not None and self._is_wanted(item, read.entry):
                yield read

    def _read_run(self, run: Sequence[ListedRange]) -> list[_First]:
        """Reads neighbouring ranges by one query; by another for those that it did not reach."""
        found: list[_First] = []
        while len(found) < len(run):
            left = run[len(found) :]
            latest, earliest = self._latest(left[0]), self._earliest(left[-1])
            if len(left) == 1 and earliest > latest:
                found.append(([], None))
                continue
            between = (sort_key(left[-1].kind, earliest), sort_key(left[0].kind, latest))
            is_in = self.after is not None and self.after.part == left[0] and self.after.at <= latest
            after = self.after if is_in else None
            items, key = self._query(left[0].account, between, after, self.query.limit + 1)
            stopped = None if key is None else place_of(key, left)
            for part in left:
                read = [item for item in items if item["due_sk"].startswith(part.kind.value)]
                found.append((read, stopped if stopped is not None and stopped.part == part else None))
                if found[-1][1] is not None:
                    break
        return found

    def _stream(self, part: ListedRange, items: list[dict[str, Any]], last: Place | None) -> Iterator[_Read]:
        limit = READ_ON if self._is_filtered else self.query.limit + 1
        while True:
            yield from self.wanted(part, items)
            if last is None:
                return
            if self.more_queries == 0:
                yield _Read(last, None)
                return
            self.more_queries -= 1
            between = (sort_key(part.kind, self._earliest(part)), sort_key(part.kind, last.at))
            items, key = self._query(part.account, between, last, limit)
            last = None if key is None else place_of(key, [part])

    def _query(
        self, account: str, between: tuple[str, str], after: Place | None, limit: int
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        wanted = {
            "form": self.query.form,
            "reason_code": self.query.code and self.query.code.value,
            "type": self.query.type and self.query.type.value,
        }
        equal = {name: value for name, value in wanted.items() if value is not None}
        since, until = self.query.since, self.query.until
        accepted = (to_ms(since) if since else 0, to_ms(until) if until else LATEST)
        return self.table.query_newest(
            DUE_INDEX,
            account,
            between,
            after=None if after is None else after.key,
            limit=limit,
            equal=equal,
            within={"accepted": accepted} if since or until else {},
        )

    @property
    def _is_filtered(self) -> bool:
        query = self.query
        return (query.form, query.code, query.type, query.since, query.until) != (None,) * 5

    def _latest(self, part: ListedRange) -> int:
        """Returns the latest time of a range that the page may show."""
        latest = LATEST
        if self.after is not None and self.after.part == part:
            latest = self.after.at
        elif self.after is not None:
            position = self.after.part.position(self.after.at)
            latest = part.latest(position if part.name > self.after.part.name else position - 1)
        if self.query.until is not None and part.exact:
            latest = min(latest, part.latest(to_ms(self.query.until)))
        return latest

    def _earliest(self, part: ListedRange) -> int:
        return 0 if self.query.since is None else max(0, part.earliest(to_ms(self.query.since)))

    def _is_wanted(self, item: dict[str, Any], entry: AttentionEntry | None) -> bool:
        if entry is None or ((expires := item.get("expires_at")) is not None and expires * 1000 <= self.now):
            return False  # DynamoDB deletes expired items up to days later
        waits = entry.quarantined and entry.next_attempt_at is not None and to_ms(entry.next_attempt_at) > self.now
        return waits or entry.status is not Status.PENDING or Listed.PENDING in self.query.statuses


def _ranges(query: AttentionQuery) -> list[ListedRange]:
    """Returns the ranges of a query in the order of reading: the last range of each account first."""
    return [
        ListedRange(
            account,
            kind,
            listed,
            (query.confirm_within if account == UNCONFIRMED_PARTITION else later) // _MILLISECOND,
            exact,
        )
        for account in sorted(set(query.accounts))
        for kind in sorted(IndexRange, reverse=True)
        for listed, later, exact in [KINDS[kind]]
        if account != UNCONFIRMED_PARTITION or kind is WAITING[EventType.SIGNUP]
        if listed in query.statuses or (listed is Listed.QUARANTINED and Listed.PENDING in query.statuses)
        if query.type in (None, TYPES.get(kind, query.type))
    ]


def _read_from(item: Attributes, part: ListedRange) -> _Read:
    pk, sk = item.required("pk", str), item.required("sk", str)
    try:
        _, at = parse_sort_key(item.required("due_sk", str))
    except ValueError as error:
        raise item.malformed("due_sk", str(error)) from None
    entry = AttentionEntry(
        event_id=event_id_of(pk),
        account=part.account,
        type=item.required("type", EventType),
        form=item.optional("form", str),
        status=item.required("status", Status),
        reason=item.optional("reason", str),
        reason_code=ReasonCode.parse(item.optional("reason_code", str)),
        quarantined=item.optional("quarantined", bool) or False,
        accepted_at=item.required("accepted", datetime),
        updated_at=item.optional("updated", datetime),
        next_attempt_at=item.optional("next_at", datetime),
    )
    return _Read(Place(part, at, pk, sk), entry)
