"""Implements `forget`: unsubscribes a person from every account and erases their events as soon as they are final."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from ..delivery.batching import Task, in_rows
from ..delivery.claims import Claims
from ..delivery.deadline import Deadline
from ..domain.addresses import normal_forms
from ..domain.erasure import contacts_of
from ..domain.errors import LedgerUnavailable, ProviderError
from ..domain.events import Door, Event, EventType, Status, StoredEvent
from ..domain.ids import new_event_id
from ..domain.ordering import all_settled, merge
from ..domain.times import epoch_milliseconds, to_milliseconds
from ..ledger import erasing
from ..ledger.erasing import ErasureOutcome
from ..ledger.keys import EVERY_ACCOUNT
from ..observability import event_log, logger
from ..operators.call_input import CALL_AGAIN, OUT_OF_TIME, address, failed
from ..operators.ledger_scan import OutOfTime, batches, time_check
from ..services import Services
from .person_search import PersonEvents, PersonSearch


class Deliverer(Protocol):
    """Delivers stored events immediately, such as a worker."""

    def deliver(self, event_ids: Iterable[str], deadline: Deadline) -> None:
        """Delivers as much as is possible now; the rest stays pending."""


class Forget:
    """Forgets persons; `worker` delivers the request at once."""

    def __init__(self, services: Services, claims: Claims, worker: Deliverer) -> None:
        self.services = services
        self.claims = claims
        self.worker = worker

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """Answers `{"email"}` with `{"erased": n, "waiting": n}` or `{"error"}`; does not raise, and logs no address.

        `erased` counts the events and syncs from which this call erased the person's data, `waiting` those that are
        erased as soon as they are final. If the time runs out or the ledger is unavailable, the answer also has an
        `error`; a repeated call is safe and continues. While an address key is missing nothing is done: the person's
        state could not be found as a whole.
        """
        try:
            email = address(event)
        except ProviderError as error:
            return failed(error)
        request, failure = _ForgetRequest(self, email, deadline), None
        try:
            missing = self.services.address_key_check.look().missing
            if missing is not None:
                return failed(f"{missing}; nothing was done, since the person's data could not be found as a whole")
            request.execute()
        except OutOfTime:
            failure = OUT_OF_TIME
        except LedgerUnavailable as error:
            failure = f"{error}; {CALL_AGAIN}"
        counts = {"erased": request.erased, "waiting": request.waiting}
        logger.info("person forgotten", extra={**counts, "failure": failure})
        return {**counts, **({} if failure is None else failed(failure))}


class _ForgetRequest:
    """One call of `forget`, with the counts of its answer."""

    def __init__(self, dependencies: Forget, email: str, deadline: Deadline) -> None:
        services = dependencies.services
        self.erased = 0
        self.waiting = 0
        self._services = services
        self._accounts = tuple(services.settings.accounts)
        self._table = services.table
        self._events = services.events
        self._subscriptions = services.subscriptions
        self._claims = dependencies.claims
        self._worker = dependencies.worker
        self._email = email
        self._deadline = deadline
        self._check_time = time_check(deadline)
        self._now = services.effects.clock()

    def execute(self) -> None:
        """Records the request in the subscription state, erases final events and syncs, and propagates it."""
        earlier = self._earlier_request()
        request = earlier or self._new_request()
        self._subscriptions.forget(self._email, self._now, request.id)
        if earlier is None:
            self._store(request)
        found = PersonSearch(self._table).find(self._email, self._now, self._check_time)
        if earlier is not None and self._signed_up_since(earlier, found):
            request = self._new_request()
            self._subscriptions.forget(self._email, self._now, request.id)
            self._store(request)
        waiting = self._erase([event_id for event_id in found.events if event_id != request.id])
        self._erase_contacts(found.syncs)
        self._erase_bodies(found.messages)
        self._worker.deliver([request.id], self._deadline)
        self._record_waiting(request, waiting)

    def _earlier_request(self) -> Event | None:
        """Returns the event of an earlier request that is still valid, so that it is not propagated again."""
        states = self._subscriptions.of(self._email)
        all_accounts = merge(*states.get(EVERY_ACCOUNT, ()))
        if all_accounts.forgotten_at is None or all_accounts.unsubscribed_by is None:
            return None
        stored = next(iter(self._events.load([all_accounts.unsubscribed_by])), None)
        if stored is None or not stored.event.forget or not self._reaches_all_accounts(stored):
            return None
        since = epoch_milliseconds(stored.event.occurred_at)
        for account, known in states.items():
            state = all_settled(known, partial(self._events.status, account=account))
            if state.signed_up_at is not None and state.signed_up_at > since:
                return None
        return stored.event

    def _reaches_all_accounts(self, stored: StoredEvent) -> bool:
        given_up = (Status.PARKED, Status.REFUSED)
        return all(
            account in stored.deliveries and stored.deliveries[account].status not in given_up
            for account in self._accounts
        )

    def _signed_up_since(self, earlier: Event, found: PersonEvents) -> bool:
        """Returns True if there is a signup after the earlier request; a worker may be about to deliver it."""
        for ids in batches(found.events, self._check_time):
            for stored in self._events.load(ids):
                if stored.event.type is EventType.SIGNUP and stored.event.occurred_at > earlier.occurred_at:
                    return True
        return False

    def _new_request(self) -> Event:
        """Builds the unsubscribe that propagates the request to the providers."""
        return Event(
            id=new_event_id(self._now, self._services.effects.random_bytes),
            type=EventType.UNSUBSCRIBE,
            email=self._email,
            accounts=self._accounts,
            all_accounts=True,
            forget=True,
            occurred_at=to_milliseconds(self._now),
            accepted_at=to_milliseconds(self._now),
            occurred_at_stated=False,
            door=Door.OPERATOR,
        )

    def _store(self, request: Event) -> None:
        if self._events.store(request):
            event_log.accepted([request])

    def _erase(self, event_ids: Sequence[str]) -> list[str]:
        """Erases events that are final or become superseded now; returns the events that have to wait."""
        waiting: list[str] = []
        for ids in batches(event_ids, self._check_time):
            events = [stored for stored in self._events.load(ids) if stored.event.email]
            self._supersede(events)
            outcomes = self._table.in_parallel(
                lambda event_id: erasing.erase(self._table, event_id, self._now), [stored.event.id for stored in events]
            )
            pending = [
                one.event.id for one, outcome in zip(events, outcomes, strict=True) if outcome is ErasureOutcome.WAITING
            ]
            waiting += pending
            self.erased += len(events) - len(pending)
        self.waiting = len(waiting)
        return waiting

    def _supersede(self, events: Iterable[StoredEvent]) -> None:
        """Supersedes pending signups as a worker would, since the state already has the unsubscribe.

        They are claimed like any others, so a signup that a worker is delivering at this moment is left to it.
        """
        by_account: dict[str, list[Task]] = {}
        for stored in events:
            if stored.event.type is EventType.SIGNUP and stored.event.occurred_at <= self._now:
                for delivery in stored.deliveries.values():
                    if delivery.status is Status.PENDING:
                        by_account.setdefault(delivery.account, []).append(Task(stored.event, delivery))
        for tasks in by_account.values():
            claimed, _ = self._claims.claim(in_rows(tasks), self._deadline, provider_lifts_suppression=False)
            self._claims.release(one for row in claimed for one in row)

    def _erase_contacts(self, syncs: Sequence[str]) -> None:
        theirs = partial(contacts_of, person=normal_forms(self._email))
        for sync in syncs:
            self._check_time()
            self.erased += erasing.take_contacts_out(self._table, sync, theirs)

    def _erase_bodies(self, messages: Sequence[str]) -> None:
        """Erases the kept bodies of refused messages, or the person's entries of those that concern others, too."""
        person = normal_forms(self._email)
        for message in messages:
            self._check_time()
            self.erased += erasing.take_out_of_body(self._table, message, self._now, person)

    def _record_waiting(self, request: Event, waiting: Sequence[str]) -> None:
        """Retries the waiting events, and leaves the rest to the worker that makes the last delivery of the request.

        A signup that is claimed now was claimed before the state was written, so its worker does not know of the
        request. The request cannot be delivered to that account before the claim is released, and erases the signup
        then.
        """
        waiting = self._erase(waiting)
        if waiting and not erasing.record_waiting(self._table, request.id, waiting):
            waiting = self._erase(waiting)  # the request is delivered and erased meanwhile, so no such claim remains
        stored = next(iter(self._events.load([request.id])), None)
        self.waiting = len(waiting) + (stored is not None and bool(stored.event.email))
