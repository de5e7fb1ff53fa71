"""`resend`: one command that sends parked or refused deliveries again, and releases what was held back."""

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

TakenBack = Callable[[Event, str], datetime | None]
"""Raises StillToBeTold, LedgerUnavailable."""


class StillToBeTold(Exception):
    """The unsubscribe has not reached the vendor yet, so nobody can have taken it back there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries are to be sent again; None: any."""

    status: Status
    account: str | None = None
    type: EventType | None = None
    id: str | None = None
    since: datetime | None = None

    @property
    def held_back(self) -> bool:
        """Also deliveries that wait for an operator: those are meant wherever parked ones are."""
        return self.status is Status.PARKED

    def accounts(self, held: StoredEvent, now: datetime) -> list[str]:
        """The accounts of those deliveries of an event that are meant and can be made."""
        event = held.event
        if self.type not in (None, event.type) or (self.since is not None and event.accepted_at < self.since):
            return []
        return [
            delivery.account
            for delivery in held.deliveries.values()
            if (delivery.status is self.status or (self.held_back and delivery.waits_for_release(now)))
            and self.account in (None, delivery.account)
            and _can_be_made(event, delivery)
        ]


class Resending:
    """Sends again what is final.

    `taken_back(event, account)` gives the time of the unsubscribe that an operator says was taken back at the vendor by
    sending this one suppressed signup again; None where the provider can be asked to do so itself.
    """

    def __init__(
        self,
        accounts: Iterable[str],
        table: Table,
        events: EventStore,
        notifier: Notifier,
        taken_back: TakenBack,
        clock: Clock,
    ) -> None:
        self._accounts = tuple(accounts)
        self._table = table
        self._events = events
        self._ledger_scan = LedgerScan(table)
        self._requeues = Requeues(table, events)
        self._notifier = notifier
        self._taken_back = taken_back
        self._clock = clock

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """`{"account"?, "type"?, "id"?, "since"?, "status"?}` to `{"resent": n}` or `{"error"}`; does not raise.

        `n` counts deliveries. Where the time or the ledger gives out, the answer has both, and doing it again goes on
        with the rest: what was sent again is pending, and a doorbell that failed is made good by `sweep`.
        """
        try:
            wanted = _read(event, self._accounts)
        except ProviderError as error:
            return {"error": shown(error)}
        run = _Run(wanted, self._events, self._requeues, self._notifier, self._taken_back, self._clock, deadline)
        given_out = [run.pages([[wanted.id]])] if wanted.id is not None else self._everywhere(run)
        failure = next(filter(None, given_out), None)
        logger.info(
            "an operator sent deliveries again",
            extra={"account": wanted.account, "status": wanted.status.value, "resent": run.resent, "failure": failure},
        )
        error_of = {} if failure is None else {"error": shown(ProviderError(Kind.LATER, failure))}
        return {"resent": run.resent, **error_of}

    def _everywhere(self, run: _Run) -> list[str | None]:
        now = self._clock()
        return self._table.in_parallel(
            lambda part: run.pages(
                self._ledger_scan.find(part, run.wanted.status, now, run.check_time, held_back=run.wanted.held_back)
            ),
            range(PARTS),
        )


class _Run:
    """One call's work, shared by the threads that do it."""

    def __init__(
        self,
        wanted: Wanted,
        events: EventStore,
        requeues: Requeues,
        notifier: Notifier,
        taken_back: TakenBack,
        clock: Clock,
        deadline: Deadline,
    ) -> None:
        self.wanted = wanted
        self.resent = 0
        self._events = events
        self._requeues = requeues
        self._notifier = notifier
        self._taken_back = taken_back
        self._clock = clock
        self._deadline = deadline
        self._lock = Lock()

    def check_time(self) -> None:
        """Raise OutOfTime when nothing more may be begun."""
        if self._deadline.seconds_left <= 0:
            raise OutOfTime

    def pages(self, pages: Iterable[list[str]]) -> str | None:
        """Send again what is meant of these pages of event ids; why it had to stop before their end, if it had to."""
        try:
            for ids in pages:
                for start in range(0, len(ids), EVENTS_AT_ONCE):
                    self.check_time()
                    self._send(ids[start : start + EVENTS_AT_ONCE])
        except OutOfTime:
            return "the time ran out; call again for the rest"
        except LedgerUnavailable as error:
            return f"{error}; call again for the rest"
        except StillToBeTold:
            return "the vendor is still to be told that the person left: call again once that is delivered, and undone"
        return None

    def _send(self, event_ids: Iterable[str]) -> None:
        """Reopen what is meant, then ring for it, whatever happens."""
        reopened: dict[EventType, list[str]] = {}
        try:
            for held in self._events.load_well_formed(event_ids).held:
                if self._reopen(held):
                    reopened.setdefault(held.event.type, []).append(held.event.id)
        finally:
            for type, ringing in reopened.items():
                self._notifier.notify(type, ringing)

    def _reopen(self, held: StoredEvent) -> bool:
        done, now = False, self._clock()
        for account in self.wanted.accounts(held, now):
            if self._send_one(held, account, now):
                done = True
                metrics.count("resent", account=account)
                with self._lock:
                    self.resent += 1
        return done

    def _send_one(self, held: StoredEvent, account: str, now: datetime) -> bool:
        if held.deliveries[account].status is Status.PENDING:
            return self._requeues.release(held, account, now)
        return self._requeues.reopen(held, account, now, taken_back=self._word_of(held, account))

    def _word_of(self, held: StoredEvent, account: str) -> datetime | None:
        """What sending it again says of the unsubscribe in its way: nothing, unless this one event is named."""
        named = self.wanted.id is not None and held.deliveries[account].reason == SUPPRESSED
        return self._taken_back(held.event, account) if named else None


def _can_be_made(event: Event, delivery: Delivery) -> bool:
    """Is there anything to deliver? Invalid events and erased ones hold no address."""
    match event.type:
        case EventType.SIGNUP | EventType.UNSUBSCRIBE:
            return bool(event.email)
        case EventType.SYNC:
            return not (delivery.reason or "").startswith(INVALID)
        case _:
            assert_never(event.type)


def _read(event: Any, accounts: tuple[str, ...]) -> Wanted:
    """What a call asks for. Raises `ProviderError` (caller) that says what would be right."""
    if not isinstance(event, Mapping):
        raise wrong("a call is a JSON object", f"with any of the keys {', '.join(KEYS)}")
    given = {key: value for key, value in event.items() if value is not None}
    for key, value in given.items():
        if key not in KEYS:
            raise wrong(f"there is no key {str(key)[:60]!r}", nearest(str(key), KEYS))
        if not isinstance(value, str):
            raise wrong(f"{key} must be a text", 'such as {"status": "refused", "since": "2026-03-01T00:00:00Z"}')
    account, type, since = given.get("account"), given.get("type"), given.get("since")
    return Wanted(
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
