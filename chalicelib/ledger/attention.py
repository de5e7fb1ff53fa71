"""Lists what needs attention: deliveries that wait, are parked or quarantined, or are refused and not as trap or spam.

They are in the `due` index, whose entries hold what lists show, so a page costs one query for each partition read and
no scan. What is parked or refused is in one partition for each account, in the order of acceptance; what is pending in
those that `sweep` reads, in the order in which it is due: an untried delivery 60 to 90 seconds after its acceptance.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..domain.events import Delivery, EventType, Status
from ..domain.ids import is_valid_id
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms
from ..names import DUE_INDEX
from .attributes import Attributes, well_formed
from .event_items import FIRST_DUE
from .keys import attention_partition, due_partitions, event_id_of, event_key, quarantine_partition
from .quarantine import QUARANTINE_LENGTH
from .table import Table

MORE_QUERIES = 8
"""Queries of a page beyond the first of each partition, each of at most 1 MB: a rare form may leave a page short."""
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = 10**15
_LONGEST_CURSOR = 1024


class Listed(StrEnum):
    """What a list may be restricted to."""

    PENDING = "pending"
    """Also what is quarantined, as in `report`."""
    PARKED = "parked"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


class BadCursor(ValueError):
    """A cursor that no page of this list returned."""


def is_listed(delivery: Delivery, statuses: Collection[Listed], now: datetime) -> bool:
    """Returns whether a delivery belongs into a list of these statuses."""
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
    """Entries, the newest first, and the cursor of the next page; None: there is none."""

    entries: tuple[AttentionEntry, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class AttentionQuery:
    """Restricts a list. `since` and `until` bound the time of acceptance, and are part of it.

    `cursor` continues a list of the same restrictions.
    """

    accounts: tuple[str, ...]
    statuses: Collection[Listed] = tuple(Listed)
    form: str | None = None
    since: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    code: ReasonCode | None = None
    until: datetime | None = None


class AttentionList:
    """Reads pages of the list. Raises LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, query: AttentionQuery, now: datetime) -> AttentionPage:
        """Returns at most `query.limit` deliveries, newest first.

        A page may be shorter, even empty, and still have a cursor. What is pending is in order within a page, and from
        page to page by the time at which it is due. Raises BadCursor.
        """
        partitions = _partitions(query)
        place = None if query.cursor is None else _decode(query.cursor, partitions)
        reading = _Reading(self._table, query, place, to_ms(now))
        found: list[_Read] = []
        end: _Place | None = None
        for read in heapq.merge(*reading.streams(partitions), key=lambda read: read.place.order):
            if len(found) == query.limit:
                end = found[-1].place
            elif read.entry is None:
                end = read.place
            if end is not None:
                break
            found.append(read)
        entries = [read.entry for read in found if read.entry is not None]
        entries.sort(key=lambda entry: (entry.accepted_at, entry.event_id), reverse=True)
        return AttentionPage(tuple(entries), None if end is None else _encode(end))


@dataclass(frozen=True, slots=True)
class _Partition:
    """A partition of the index, and how its sort key relates to the time of acceptance."""

    name: str
    account: str
    unit: int
    """Milliseconds in one of `due_at`."""
    later: int = 0
    """Milliseconds by which a new delivery is due after its acceptance."""
    exact: bool = True
    """True if every delivery in it is due so much later; others are due later still, at another attempt."""

    def position(self, due_at: int) -> int:
        """Returns when a delivery at `due_at` was accepted (ms), as far as that is known."""
        return due_at * self.unit - self.later

    def latest(self, position: int) -> int:
        """Returns the largest `due_at` whose position is not after `position`."""
        return (position + self.later) // self.unit

    def earliest(self, accepted: int) -> int:
        """Returns a `due_at` before which there is nothing that was accepted at `accepted` (ms) or later."""
        return (accepted + (self.later if self.exact else 0)) // self.unit


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the list: partition, sort key of the index, key of the item."""

    partition: _Partition
    due_at: int
    pk: str
    sk: str

    @property
    def order(self) -> tuple[int, str]:
        """Sorts places, the newest first; equal ones of a partition are in DynamoDB's own order."""
        return -self.partition.position(self.due_at), self.partition.name


@dataclass(frozen=True, slots=True)
class _Read:
    """An entry and its place; without an entry: reading stopped there."""

    place: _Place
    entry: AttentionEntry | None


@dataclass(slots=True)
class _Reading:
    """Reads the partitions of one page, each as a stream in the order of the list."""

    table: Table
    query: AttentionQuery
    after: _Place | None
    now: int
    more_queries: int = MORE_QUERIES

    def streams(self, partitions: Sequence[_Partition]) -> list[Iterator[_Read]]:
        """Makes the first query of every partition, concurrently; returns the streams."""
        firsts = self.table.in_parallel(lambda partition: self._query(partition, self.after), partitions)
        return [self._stream(partition, *first) for partition, first in zip(partitions, firsts, strict=True)]

    def _stream(self, partition: _Partition, items: list[dict[str, Any]], last: _Place | None) -> Iterator[_Read]:
        while True:
            for item in items:
                read = well_formed(lambda item: _read_from(item, partition), item)
                if read is not None and self._is_wanted(item, read.entry):
                    yield read
            if last is None:
                return
            if self.more_queries == 0:
                yield _Read(last, None)
                return
            self.more_queries -= 1
            items, last = self._query(partition, last)

    def _query(self, partition: _Partition, after: _Place | None) -> tuple[list[dict[str, Any]], _Place | None]:
        """Reads up to 1 MB of a partition after a place in the list; returns the place after which more follows."""
        latest, start = _LATEST, None
        if after is not None and after.partition == partition:
            latest, start = after.due_at, {"pk": after.pk, "sk": after.sk, "due_at": after.due_at}
        elif after is not None:
            position = after.partition.position(after.due_at)
            latest = partition.latest(position if partition.name > after.partition.name else position - 1)
        earliest = 0 if self.query.since is None else max(0, partition.earliest(to_ms(self.query.since)))
        if self.query.until is not None and partition.exact:
            latest = min(latest, partition.latest(to_ms(self.query.until)))
        if earliest > latest:
            return [], None
        wanted = {"form": self.query.form, "reason_code": self.query.code and self.query.code.value}
        equal = {name: value for name, value in wanted.items() if value is not None}
        items, key = self.table.query_newest(
            DUE_INDEX,
            partition.name,
            (earliest, latest),
            after=start,
            limit=None if equal or self.query.until else self.query.limit + 1,
            equal=equal,
        )
        return items, None if key is None else _Place(partition, key["due_at"], key["pk"], key["sk"])

    def _is_wanted(self, item: dict[str, Any], entry: AttentionEntry | None) -> bool:
        if entry is None or ((expires := item.get("expires_at")) is not None and expires * 1000 <= self.now):
            return False  # DynamoDB deletes expired items up to days later
        if self.query.since is not None and entry.accepted_at < self.query.since:
            return False
        if self.query.until is not None and entry.accepted_at > self.query.until:
            return False
        waits = entry.quarantined and entry.next_attempt_at is not None and to_ms(entry.next_attempt_at) > self.now
        return waits or entry.status is not Status.PENDING or Listed.PENDING in self.query.statuses


def _partitions(query: AttentionQuery) -> list[_Partition]:
    """Returns the partitions of a query, sorted by name."""
    found: dict[str, _Partition] = {}
    for account in query.accounts:
        quarantine = quarantine_partition(account)
        waiting = [name for verb in EventType for name in due_partitions(account, verb)]
        for name in waiting:
            if name != quarantine and Listed.PENDING in query.statuses:
                found[name] = _Partition(name, account, 1000, FIRST_DUE // _MILLISECOND, exact=False)
        if not {Listed.PENDING, Listed.QUARANTINED}.isdisjoint(query.statuses):
            found[quarantine] = _Partition(quarantine, account, 1000, QUARANTINE_LENGTH // _MILLISECOND)
        for listed, status in ((Listed.PARKED, Status.PARKED), (Listed.REFUSED, Status.REFUSED)):
            if listed in query.statuses:
                name = attention_partition(account, status)
                found[name] = _Partition(name, account, 1)
    return [found[name] for name in sorted(found)]


def _read_from(item: Attributes, partition: _Partition) -> _Read:
    pk, sk = item.required("pk", str), item.required("sk", str)
    entry = AttentionEntry(
        event_id=event_id_of(pk),
        account=partition.account,
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
    return _Read(_Place(partition, item.required("due_at", int), pk, sk), entry)


def _encode(place: _Place) -> str:
    values = [place.partition.name, place.due_at, event_id_of(place.pk), place.sk == "E"]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, partitions: Sequence[_Partition]) -> _Place:
    """Parses a cursor; one that was made up, too, leads to a place in one of these partitions, or is refused."""
    known = {partition.name: partition for partition in partitions}
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [str(name), int(due_at), str(event_id), bool(single)] if (
                name in known and type(due_at) is int and 0 <= due_at <= _LATEST and is_valid_id(event_id)
            ):
                partition = known[name]
                pk, sk = event_key(event_id) if single else (event_key(event_id)[0], f"D#{partition.account}")
                return _Place(partition, due_at, pk, sk)
    except (ValueError, RecursionError):
        raise BadCursor("not a cursor of this list") from None
    raise BadCursor("a cursor of another list")
