"""`resend`: sends parked or refused deliveries again, and releases quarantined ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, assert_never

from ..clock import Clock
from ..delivery.deadline import Deadline
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.events import Delivery, Event, EventType, Status, StoredEvent
from ..domain.ids import ID_RULE, is_valid_id
from ..domain.ordering import SUPPRESSED
from ..domain.times import parse_time
from ..ingestion.parse_event import INVALID
from ..ledger.events import EventStore
from ..ledger.table import Table
from ..notification.notifier import Notifier
from ..observability import logger, metrics
from .ledger_scan import PARTS, LedgerScan, OutOfTime
from .requests import nearest, shown, wrong
from .requeue import Requeues

KEYS = ("account", "type", "id", "since", "status")
STATUSES = (Status.PARKED.value, Status.REFUSED.value)
TYPES = tuple(type.value for type in EventType)
EVENTS_AT_ONCE = 100

RevertedUnsubscribeAt = Callable[[Event, str], datetime | None]
"""Raises UnsubscribePending, LedgerUnavailable."""


class UnsubscribePending(Exception):
    """The unsubscribe has not reached the vendor yet, so it cannot have been undone there."""


@dataclass(frozen=True, slots=True)
class ResendFilter:
    """Selects the deliveries to send again; None: any."""

    status: Status
    account: str | None = None
    type: EventType | None = None
    id: str | None = None
    since: datetime | None = None

    @property
    def quarantined(self) -> bool:
        """True to include quarantined deliveries: they are selected together with parked ones."""
        return self.status is Status.PARKED

    def accounts(self, stored: StoredEvent, now: datetime) -> list[str]:
        """Return the accounts of an event's selected deliveries that can be sent."""
        event = stored.event
        if self.type not in (None, event.type) or (self.since is not None and event.accepted_at < self.since):
            return []
        return [
            delivery.account
            for delivery in stored.deliveries.values()
            if (delivery.status is self.status or (self.quarantined and delivery.waits_for_release(now)))
            and self.account in (None, delivery.account)
            and _can_be_made(event, delivery)
        ]


class Resending:
    """Sends final deliveries again.

    `reverted_unsubscribe(event, account)` returns the time of the unsubscribe that the operator undid at the vendor, as
    resending this one suppressed signup; None where the provider can lift the suppression itself.
    """

    def __init__(
        self,
        accounts: Iterable[str],
        table: Table,
        events: EventStore,
        notifier: Notifier,
        reverted_unsubscribe: RevertedUnsubscribeAt,
        clock: Clock,
    ) -> None:
        self._accounts = tuple(accounts)
        self._table = table
        self._events = events
        self._ledger_scan = LedgerScan(table)
        self._requeues = Requeues(table, events)
        self._notifier = notifier
        self._reverted_unsubscribe = reverted_unsubscribe
        self._clock = clock

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """Handle `{"account"?, "type"?, "id"?, "since"?, "status"?}`; return `{"resent": n}` or `{"error"}`.

        Never raises. `n` counts deliveries. When time runs out or the ledger fails, the answer has both, and a repeated
        call continues with the rest: what was sent again is pending, and `sweep` repeats a failed notification.
        """
        try:
            wanted = _read(event, self._accounts)
        except ProviderError as error:
            return {"error": shown(error)}
        run = _ResendRun(
            wanted, self._events, self._requeues, self._notifier, self._reverted_unsubscribe, self._clock, deadline
        )
        failures = [run.send_pages([[wanted.id]])] if wanted.id is not None else self._send_all(run)
        failure = next(filter(None, failures), None)
        logger.info(
            "resend finished",
            extra={"account": wanted.account, "status": wanted.status.value, "resent": run.resent, "failure": failure},
        )
        error_of = {} if failure is None else {"error": shown(ProviderError(Kind.LATER, failure))}
        return {"resent": run.resent, **error_of}

    def _send_all(self, run: _ResendRun) -> list[str | None]:
        now = self._clock()
        return self._table.in_parallel(
            lambda part: run.send_pages(
                self._ledger_scan.find(part, run.wanted.status, now, run.check_time, quarantined=run.wanted.quarantined)
            ),
            range(PARTS),
        )


class _ResendRun:
    """The state of one call, shared by its threads."""

    def __init__(
        self,
        wanted: ResendFilter,
        events: EventStore,
        requeues: Requeues,
        notifier: Notifier,
        reverted_unsubscribe: RevertedUnsubscribeAt,
        clock: Clock,
        deadline: Deadline,
    ) -> None:
        self.wanted = wanted
        self.resent = 0
        self._events = events
        self._requeues = requeues
        self._notifier = notifier
        self._reverted_unsubscribe = reverted_unsubscribe
        self._clock = clock
        self._deadline = deadline
        self._lock = Lock()

    def check_time(self) -> None:
        """Raise OutOfTime when no time is left."""
        if self._deadline.seconds_left <= 0:
            raise OutOfTime

    def send_pages(self, pages: Iterable[list[str]]) -> str | None:
        """Send the selected deliveries of these pages of event ids; the reason if it stopped before their end."""
        try:
            for ids in pages:
                for start in range(0, len(ids), EVENTS_AT_ONCE):
                    self.check_time()
                    self._send(ids[start : start + EVENTS_AT_ONCE])
        except OutOfTime:
            return "the time ran out; call again for the rest"
        except LedgerUnavailable as error:
            return f"{error}; call again for the rest"
        except UnsubscribePending:
            return "the vendor is still to be told that the person left: call again once that is delivered, and undone"
        return None

    def _send(self, event_ids: Iterable[str]) -> None:
        """Requeue the selected deliveries, then notify workers, also after a failure."""
        reopened: dict[EventType, list[str]] = {}
        try:
            for stored in self._events.load_well_formed(event_ids).stored:
                if self._reopen(stored):
                    reopened.setdefault(stored.event.type, []).append(stored.event.id)
        finally:
            for type, ids in reopened.items():
                self._notifier.notify(type, ids)

    def _reopen(self, stored: StoredEvent) -> bool:
        done, now = False, self._clock()
        for account in self.wanted.accounts(stored, now):
            if self._send_one(stored, account, now):
                done = True
                metrics.count("resent", account=account)
                with self._lock:
                    self.resent += 1
        return done

    def _send_one(self, stored: StoredEvent, account: str, now: datetime) -> bool:
        if stored.deliveries[account].status is Status.PENDING:
            return self._requeues.release(stored, account, now)
        return self._requeues.reopen(stored, account, now, reverted_at=self._reverted_at(stored, account))

    def _reverted_at(self, stored: StoredEvent, account: str) -> datetime | None:
        """Return when the unsubscribe that was undone took place; None unless this one event is named."""
        named = self.wanted.id is not None and stored.deliveries[account].reason == SUPPRESSED
        return self._reverted_unsubscribe(stored.event, account) if named else None


def _can_be_made(event: Event, delivery: Delivery) -> bool:
    """Return whether there is anything to deliver: invalid and erased events have no address."""
    match event.type:
        case EventType.SIGNUP | EventType.UNSUBSCRIBE:
            return bool(event.email)
        case EventType.SYNC:
            return not (delivery.reason or "").startswith(INVALID)
        case _:
            assert_never(event.type)


def _read(event: Any, accounts: tuple[str, ...]) -> ResendFilter:
    """Parse a call. Raises `ProviderError` (caller) with the correction."""
    if not isinstance(event, Mapping):
        raise wrong("a call is a JSON object", f"with any of the keys {', '.join(KEYS)}")
    given = {key: value for key, value in event.items() if value is not None}
    for key, value in given.items():
        if key not in KEYS:
            raise wrong(f"there is no key {str(key)[:60]!r}", nearest(str(key), KEYS))
        if not isinstance(value, str):
            raise wrong(f"{key} must be a text", 'such as {"status": "refused", "since": "2026-03-01T00:00:00Z"}')
    account, type, since = given.get("account"), given.get("type"), given.get("since")
    return ResendFilter(
        status=Status(_one_of("status", given.get("status", Status.PARKED.value), STATUSES)),
        account=None if account is None else _one_of("account", account, accounts),
        type=None if type is None else EventType(_one_of("type", type, TYPES)),
        id=_id(given.get("id")),
        since=None if since is None else _time(since),
    )


def _one_of(key: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise wrong(f"there is no {key} {value[:60]!r}", nearest(value, known))
    return value


def _id(value: str | None) -> str | None:
    if value is not None and not is_valid_id(value):
        raise wrong("that is no event's id", f"an id {ID_RULE}")
    return value


def _time(value: str) -> datetime:
    try:
        return parse_time(value)
    except ValueError as error:
        raise wrong(f"since is {error}", "such as 2026-03-01T09:30:00Z") from None
