"""`resend`: sends parked or refused deliveries again, and releases or discards quarantined ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, assert_never

from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable, ProviderError
from ..domain.events import DISCARDED, QUARANTINED, UNCONFIRMED, Delivery, Event, EventType, Status, StoredEvent
from ..domain.ids import ID_RULE, is_valid_id
from ..domain.ordering import SUPPRESSED
from ..domain.reasons import ReasonCode
from ..domain.times import parse_time
from ..ingestion.parse_event import INVALID
from ..ingestion.parse_form import TRAP
from ..ingestion.queue_messages import accept_again
from ..ingestion.spam import SPAM
from ..observability import event_log, logger, metrics
from ..providers.spec import Capabilities
from ..services import Services
from .call_input import CALL_AGAIN, OUT_OF_TIME, checked, failed, nearest, wrong
from .ledger_scan import PARTS, LedgerScan, OutOfTime, batches, time_check
from .requeue import Requeues
from .suppressed_signups import UnsubscribePending, reverted_unsubscribe_at

KEYS = ("account", "type", "form", "id", "since", "status", "discard")
STATUSES = (Status.PARKED.value, Status.REFUSED.value, QUARANTINED)
LEFT_OUT = frozenset({TRAP, SPAM, DISCARDED, UNCONFIRMED, QUARANTINED, SUPPRESSED})
"""Reasons of refused deliveries that are sent again only by the event's id, if at all."""
TYPES = tuple(type.value for type in EventType)
_UNSUBSCRIBE_PENDING = (
    "the vendor has not received the person's unsubscribe yet: call again once that is delivered, and undone there"
)

CapabilitiesOf = Callable[[str], Capabilities | None]


@dataclass(frozen=True, slots=True)
class ResendFilter:
    """Selects the deliveries to send again, or to discard; None: any."""

    status: Status
    """Of quarantined ones: `PENDING`."""
    account: str | None = None
    type: EventType | None = None
    form: str | None = None
    id: str | None = None
    """One event, of which also those deliveries are sent that are otherwise left out."""
    ids: tuple[str, ...] | None = None
    """Some events, as a list showed them."""
    since: datetime | None = None
    discard: bool = False

    @property
    def quarantined(self) -> bool:
        """True to select quarantined deliveries, and no others."""
        return self.status is Status.PENDING

    def accounts(self, stored: StoredEvent, now: datetime) -> list[str]:
        """Returns the accounts of an event's selected deliveries that can be sent."""
        if not self._selects_event(stored.event):
            return []
        return [
            delivery.account
            for delivery in stored.deliveries.values()
            if self._selects(delivery, now)
            and self.account in (None, delivery.account)
            and _can_be_made(stored.event, delivery)
        ]

    def kept_message(self, event: Event) -> bool:
        """Returns True if the event is a selected message that was refused as invalid."""
        if event.kept is None or self.quarantined or self.status is not Status.REFUSED:
            return False
        return self._selects_event(event) and (self.account is None or self.account in event.accounts)

    def _selects_event(self, event: Event) -> bool:
        if self.type not in (None, event.type) or self.form not in (None, event.form):
            return False
        return self.since is None or event.accepted_at >= self.since

    def _selects(self, delivery: Delivery, now: datetime) -> bool:
        if self.quarantined:
            return delivery.waits_for_release(now)
        left_out = LEFT_OUT if self.id is None else (DISCARDED,)
        return delivery.status is self.status and delivery.reason not in left_out


def resend(services: Services, capabilities_of: CapabilitiesOf, event: Any, deadline: Deadline) -> dict[str, Any]:
    """Handles `{"account"?, "type"?, "form"?, "id"?, "since"?, "status"?}`; returns `{"resent": n}` or `{"error"}`.

    With `"status": "quarantined", "discard": true` it discards instead, and returns `{"discarded": n}`. Never raises.
    `n` counts deliveries, or discarded events. When time runs out or the ledger fails, the answer has both, and a
    repeated call continues with the rest: what was sent again is pending, and `sweep` repeats a failed notification.
    """
    try:
        wanted = _read(event, tuple(services.settings.accounts))
    except ProviderError as error:
        return failed(error)
    number, failure = send_selected(services, capabilities_of, wanted, deadline)
    done = {"discarded" if wanted.discard else "resent": number}
    form, forms = wanted.form, services.settings.forms
    if form is not None and form not in forms and failure is None and not any(done.values()):
        # A form that was taken out of the configuration may have left events, so only the end shows that it is none.
        return failed(wrong(f"there is no form {form[:60]!r}", nearest(form, forms)))
    return {**done, **({} if failure is None else failed(failure))}


def send_selected(
    services: Services, capabilities_of: CapabilitiesOf, wanted: ResendFilter, deadline: Deadline, **said: str
) -> tuple[int, str | None]:
    """Sends selected deliveries again, or discards them; returns how many, and the reason if it stopped before the end.

    `said` is added to the log line, such as who asked. Without ids the whole ledger is scanned.
    """
    run = _ResendRun(services, capabilities_of, wanted, deadline)
    failure = run.send_all()
    services.counts.flush()
    done = {"discarded": run.discarded} if wanted.discard else {"resent": run.resent}
    status = QUARANTINED if wanted.quarantined else wanted.status.value
    facts = {"account": wanted.account, "status": status, **done, "failure": failure, **said}
    logger.info("resend finished", extra=facts)
    return run.discarded if wanted.discard else run.resent, failure


class _ResendRun:
    """The state of one call, shared by its threads."""

    def __init__(
        self, services: Services, capabilities_of: CapabilitiesOf, wanted: ResendFilter, deadline: Deadline
    ) -> None:
        self.resent = 0
        self.discarded = 0
        self._services = services
        self._requeues = Requeues(services)
        self._capabilities_of = capabilities_of
        self._wanted = wanted
        self._check_time = time_check(deadline)
        self._lock = Lock()

    def send_all(self) -> str | None:
        """Sends all selected deliveries; the reason if it stopped before the end."""
        wanted, now = self._wanted, self._services.effects.clock()
        if wanted.id is not None:
            return self._send_pages(self._ids_of(wanted.id))
        if wanted.ids is not None:
            return self._send_pages([list(wanted.ids)])
        scan = LedgerScan(self._services.table)
        failures = self._services.table.in_parallel(
            lambda part: self._send_pages(
                scan.find(part, wanted.status, now, self._check_time, quarantined=wanted.quarantined)
            ),
            range(PARTS),
        )
        return next(filter(None, failures), None)

    def _ids_of(self, event_id: str) -> Iterator[list[str]]:
        """Yields the id of an event, then those of the messages that were refused under it."""
        yield [event_id]
        if self._wanted.status is Status.REFUSED:
            yield self._services.events.refused_under(event_id)

    def _send_pages(self, pages: Iterable[list[str]]) -> str | None:
        """Sends the selected deliveries of these pages of event ids; the reason if it stopped before their end."""
        try:
            for ids in pages:
                for batch in batches(ids, self._check_time):
                    self._send(batch)
        except OutOfTime:
            return OUT_OF_TIME
        except LedgerUnavailable as error:
            return f"{error}; {CALL_AGAIN}"
        except UnsubscribePending:
            return _UNSUBSCRIBE_PENDING
        return None

    def _send(self, event_ids: Iterable[str]) -> None:
        """Requeues the selected deliveries, then notifies workers, also after a failure."""
        requeued: dict[EventType, list[str]] = {}
        try:
            for stored in self._services.events.load_well_formed(event_ids).stored:
                event = self._sent_event(stored)
                if event is not None:
                    requeued.setdefault(event.type, []).append(event.id)
        finally:
            for type, ids in requeued.items():
                self._services.notifier.notify(type, ids)

    def _sent_event(self, stored: StoredEvent) -> Event | None:
        """Sends an event's selected deliveries; returns the event that is pending now, if any."""
        now = self._services.effects.clock()
        if self._wanted.discard:
            self._discard(stored, now)
            return None
        if self._wanted.kept_message(stored.event):
            event = accept_again(self._services, stored.event)
            sent: Sequence[str] = event.accounts if event is not None else ()
        else:
            event = stored.event
            sent = [name for name in self._wanted.accounts(stored, now) if self._send_delivery(stored, name, now)]
        for account in sent:
            metrics.count("resent", account=account)
        with self._lock:
            self.resent += len(sent)
        return event if sent else None

    def _discard(self, stored: StoredEvent, now: datetime) -> None:
        accounts = [name for name in self._wanted.accounts(stored, now) if self._requeues.discard(stored, name, now)]
        code = ReasonCode.DISCARDED
        ended = [Delivery(name, Status.REFUSED, reason=DISCARDED, reason_code=code) for name in accounts]
        event_log.ended((stored.event.id, delivery) for delivery in ended)
        with self._lock:
            self.discarded += bool(accounts)

    def _send_delivery(self, stored: StoredEvent, account: str, now: datetime) -> bool:
        delivery, reverted_at = stored.deliveries[account], None
        if delivery.status is Status.PENDING:
            return self._requeues.release(stored, account, now)
        if self._wanted.id is not None and delivery.reason == SUPPRESSED:
            capabilities = self._capabilities_of(account)
            reverted_at = reverted_unsubscribe_at(self._services, capabilities, stored.event, account)
        return self._requeues.requeue(stored, account, now, reverted_at=reverted_at)


def _can_be_made(event: Event, delivery: Delivery) -> bool:
    """Returns whether there is anything to deliver: invalid and erased events have no address."""
    match event.type:
        case EventType.SIGNUP | EventType.UNSUBSCRIBE:
            return bool(event.email)
        case EventType.SYNC:
            return not (delivery.reason or "").startswith(INVALID)
        case _:
            assert_never(event.type)


def _read(event: Any, accounts: tuple[str, ...]) -> ResendFilter:
    """Parses a call. Raises `ProviderError` (caller) with the correction."""
    given = {key: value for key, value in checked(event, KEYS).items() if value is not None}
    discard = given.pop("discard", False)
    if not isinstance(discard, bool) or (discard and given.get("status") != QUARANTINED):
        raise wrong("discard must be true or false", 'true only with "status": "quarantined"')
    for key, value in given.items():
        if not isinstance(value, str):
            raise wrong(f"{key} must be a text", 'such as {"status": "refused", "since": "2026-03-01T00:00:00Z"}')
    account, type, since, form = (given.get(key) for key in ("account", "type", "since", "form"))
    status = _one_of("status", given.get("status", Status.PARKED.value), STATUSES)
    return ResendFilter(
        status=Status.PENDING if status == QUARANTINED else Status(status),
        account=None if account is None else _one_of("account", account, accounts),
        type=None if type is None else EventType(_one_of("type", type, TYPES)),
        form=form,
        id=_id(given.get("id")),
        discard=discard,
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
