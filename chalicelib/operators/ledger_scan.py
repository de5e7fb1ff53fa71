"""Scans every event of the ledger, for operators: counts deliveries by status, and finds those of one status.

There are no running counters: they would cost each delivery one more write, and could be wrong. A scan costs one read
unit for every 4 KB of the table. It reads consistently and in parallel segments.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..delivery.deadline import Deadline
from ..domain.events import EventType, Status
from ..domain.times import epoch_milliseconds
from ..ledger.attributes import Attributes, Milliseconds, well_formed
from ..ledger.keys import event_id_of, event_key
from ..ledger.table import Table

PARTS = 8
EVENTS_AT_ONCE = 100
# Expired items do not count, though DynamoDB deletes them up to days later.
_EVENTS = "begins_with(#pk, :event) AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
_QUARANTINED = "(#quarantined = :yes AND #status = :pending AND #next_at > :time)"
_DELIVERY = "D#"


class OutOfTime(Exception):
    """The remaining time is too short to scan the ledger."""


CheckTime = Callable[[], None]
"""Raises OutOfTime when no further page may be read."""


def time_check(deadline: Deadline) -> CheckTime:
    """Returns the check that raises OutOfTime once no time is left."""

    def check_time() -> None:
        if deadline.seconds_left <= 0:
            raise OutOfTime

    return check_time


def batches(event_ids: Sequence[str], check_time: CheckTime) -> Iterator[Sequence[str]]:
    """Yields the ids of a hundred events at a time. Raises what `check_time` raises, before each batch."""
    for start in range(0, len(event_ids), EVENTS_AT_ONCE):
        check_time()
        yield event_ids[start : start + EVENTS_AT_ONCE]


@dataclass(frozen=True, slots=True)
class _Event:
    """The counted attributes of an event; `own` is its single delivery, if stored in the same item."""

    type: EventType
    accepted: int
    own: _Counted | None


@dataclass(frozen=True, slots=True)
class _Counted:
    """The counted attributes of a delivery."""

    account: str
    status: Status
    quarantined_until: int | None
    """In milliseconds."""
    reason_code: str | None = None


@dataclass(slots=True)
class DeliveryCounts:
    """Deliveries by account and status, and when each account's oldest pending ones were accepted (ms)."""

    counts: dict[str, Counter[Status]] = field(default_factory=lambda: defaultdict(Counter))
    quarantined: Counter[str] = field(default_factory=Counter)
    """Those of the pending deliveries that wait for an operator, by account."""
    reasons: dict[str, Counter[tuple[Status, str]]] = field(default_factory=lambda: defaultdict(Counter))
    """Those with a reason code by account, status and code."""
    oldest: dict[str, int] = field(default_factory=dict)
    """Without the quarantined ones, which wait on purpose."""
    oldest_unsubscribe: dict[str, int] = field(default_factory=dict)

    def record(self, delivery: _Counted, event: _Event, now: int) -> None:
        """Counts one delivery of `event` at `now` (ms)."""
        account = delivery.account
        self.counts[account][delivery.status] += 1
        if delivery.reason_code is not None:
            self.reasons[account][delivery.status, delivery.reason_code] += 1
        if delivery.status is Status.PENDING:
            if delivery.quarantined_until is not None and delivery.quarantined_until > now:
                self.quarantined[account] += 1
            else:
                _keep_earlier(self.oldest, account, event.accepted)
            if event.type is EventType.UNSUBSCRIBE:
                _keep_earlier(self.oldest_unsubscribe, account, event.accepted)

    def add(self, other: DeliveryCounts) -> None:
        """Adds the counts of `other`."""
        for account, counts in other.counts.items():
            self.counts[account].update(counts)
        for account, reasons in other.reasons.items():
            self.reasons[account].update(reasons)
        self.quarantined.update(other.quarantined)
        for mine, theirs in ((self.oldest, other.oldest), (self.oldest_unsubscribe, other.oldest_unsubscribe)):
            for account, accepted in theirs.items():
                _keep_earlier(mine, account, accepted)


class LedgerScan:
    """Reads all events. Every method raises `LedgerUnavailable`, and what `check_time` raises."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delivery_counts(self, now: datetime, check_time: CheckTime) -> DeliveryCounts:
        """Counts all deliveries of stored events. Malformed items are skipped, logged and counted."""
        delivery_counts = DeliveryCounts()
        for part in self._table.in_parallel(lambda part: self._count_part(part, now, check_time), range(PARTS)):
            delivery_counts.add(part)
        return delivery_counts

    def find(
        self, part: int, status: Status, now: datetime, check_time: CheckTime, *, quarantined: bool = False
    ) -> Iterator[list[str]]:
        """Yields ids of events with a delivery of that status in one of `PARTS` segments, a page at a time.

        `quarantined`: those with a quarantined delivery instead.
        """
        condition = "#status = :status"
        attributes: tuple[str, ...] = ("pk", "status", "expires_at")
        values: dict[str, Any] = {"status": status.value}
        if quarantined:
            condition = _QUARANTINED
            attributes = (*attributes, "quarantined", "next_at")
            values = {"yes": True, "pending": Status.PENDING.value, "time": epoch_milliseconds(now)}
        for page in self._pages(part, f"{_EVENTS} AND {condition}", attributes, now, check_time, values):
            yield list(dict.fromkeys(event_id_of(item["pk"]) for item in page))

    def _count_part(self, part: int, now: datetime, check_time: CheckTime) -> DeliveryCounts:
        """Counts one segment.

        Deliveries of an event for several accounts are separate items; they are read before the event, and its time of
        acceptance is in the event's item only.
        """
        delivery_counts, waiting = DeliveryCounts(), _Waiting(list)
        of_delivery = ("status", "quarantined", "next_at", "reason_code")
        attributes = ("pk", "sk", "type", "accounts", "accepted", "expires_at", *of_delivery)
        for page in self._pages(part, _EVENTS, attributes, now, check_time, {}):
            for item in page:
                if item["sk"].startswith(_DELIVERY):
                    delivery = well_formed(_delivery_from, item)
                    if delivery is not None:
                        waiting[item["pk"]].append(delivery)
                else:
                    _record_all(delivery_counts, waiting.pop(item["pk"], []), well_formed(_event_from, item), now)
        self._look_up(delivery_counts, waiting, now)
        return delivery_counts

    def _look_up(self, delivery_counts: DeliveryCounts, waiting: _Waiting, now: datetime) -> None:
        """Counts deliveries whose event the scan did not see. Those without a stored event are ignored."""
        events = self._table.get_many(event_key(event_id_of(pk)) for pk in waiting)
        for (pk, _), item in events.items():
            _record_all(delivery_counts, waiting[pk], well_formed(_event_from, item), now)

    def _pages(
        self,
        part: int,
        condition: str,
        attributes: tuple[str, ...],
        now: datetime,
        check_time: CheckTime,
        values: Mapping[str, Any],
    ) -> Iterator[list[dict[str, Any]]]:
        given = {"event": "E#", "now": int(now.timestamp()), **values}
        check_time()
        for page in self._table.scan(part, PARTS, condition, attributes, given):
            yield page
            check_time()


_Waiting = defaultdict[str, list[_Counted]]


def _delivery_from(item: Attributes) -> _Counted:
    return _counted(item, item.required("sk", str).removeprefix(_DELIVERY))


def _counted(item: Attributes, account: str) -> _Counted:
    until = item.optional("next_at", int) if item.optional("quarantined", bool) else None
    return _Counted(account, item.required("status", Status), until, item.optional("reason_code", str))


def _event_from(item: Attributes) -> _Event:
    accounts = item.required("accounts", list[str])
    own = _counted(item, accounts[0]) if len(accounts) == 1 else None
    return _Event(item.required("type", EventType), item.required("accepted", Milliseconds), own)


def _record_all(
    delivery_counts: DeliveryCounts, deliveries: list[_Counted], event: _Event | None, now: datetime
) -> None:
    if event is None:
        return
    for delivery in deliveries if event.own is None else [event.own]:
        delivery_counts.record(delivery, event, epoch_milliseconds(now))


def _keep_earlier(times: dict[str, int], account: str, time: int) -> None:
    times[account] = min(time, times.get(account, time))
