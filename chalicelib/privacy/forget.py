"""`forget`: a person leaves every account, and what is held about them is erased as soon as it is final."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from ..clock import Clock
from ..delivery.batching import Task
from ..delivery.claims import Claims
from ..delivery.deadline import Deadline
from ..domain.addresses import normalise
from ..domain.erasure import contacts_of
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.events import Event, EventType, Status, StoredEvent
from ..domain.ordering import all_settled, merge
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..ledger import erasing
from ..ledger.erasing import Outcome
from ..ledger.events import EventStore
from ..ledger.keys import EVERY_ACCOUNT
from ..ledger.subscriptions import SubscriptionStore
from ..ledger.table import Table
from ..observability import event_log, logger
from ..operators.ledger_scan import OutOfTime
from ..operators.requests import address, shown
from .person_search import Found, PersonSearch

EVENTS_AT_ONCE = 100


class Deliverer(Protocol):
    """Whoever delivers held events at once, such as a worker."""

    def deliver(self, event_ids: Iterable[str], deadline: Deadline) -> None:
        """Deliver as much as can be delivered now; the rest stays pending."""


class Forgetting:
    """Forgets people. `new_id` gives a fresh event id."""

    def __init__(
        self,
        accounts: Iterable[str],
        table: Table,
        events: EventStore,
        words: SubscriptionStore,
        claims: Claims,
        worker: Deliverer,
        new_id: Callable[[], str],
        clock: Clock,
    ) -> None:
        self.accounts = tuple(accounts)
        self.table = table
        self.events = events
        self.words = words
        self.claims = claims
        self.worker = worker
        self.new_id = new_id
        self.clock = clock

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """`{"email"}` to `{"erased": n, "waiting": n}` or `{"error"}`; does not raise, and logs no address.

        `erased` counts the events and syncs whose data about the person this call took out, `waiting` those that still
        hold some and lose it as soon as they are final. Where the time or the ledger gives out, the answer has an
        `error`, too; calling again is harmless and goes on.
        """
        try:
            email = address(event)
        except ProviderError as error:
            return {"error": shown(error)}
        run, failure = _Run(self, email, deadline), None
        try:
            run.forget()
        except OutOfTime:
            failure = "the time ran out; call again for the rest"
        except LedgerUnavailable as error:
            failure = f"{error}; call again for the rest"
        figures = {"erased": run.erased, "waiting": run.waiting}
        logger.info("an operator had a person forgotten", extra={**figures, "failure": failure})
        return figures if failure is None else {**figures, "error": shown(ProviderError(Kind.LATER, failure))}


class _Run:
    """One call."""

    def __init__(self, tools: Forgetting, email: str, deadline: Deadline) -> None:
        self.erased = 0
        self.waiting = 0
        self._tools = tools
        self._email = email
        self._deadline = deadline
        self._now = tools.clock()

    def forget(self) -> None:
        """From the word that keeps the person out to the last event that can be erased now."""
        tools = self._tools
        earlier = self._earlier()
        forget_request = earlier or self._forget_request()
        tools.words.forget(self._email, self._now, forget_request.id)
        if earlier is None:
            self._hold(forget_request)
        found = PersonSearch(tools.table).find(self._email, self._now, self._check_time)
        if earlier is not None and self._came_back_since(earlier, found):
            forget_request = self._forget_request()
            tools.words.forget(self._email, self._now, forget_request.id)
            self._hold(forget_request)
        waiting = self._erase([event_id for event_id in found.events if event_id != forget_request.id])
        self._clean(found.syncs)
        tools.worker.deliver([forget_request.id], self._deadline)
        self._leave(forget_request, waiting)

    def _earlier(self) -> Event | None:
        """The event of an earlier wish that still stands, so that it need not be told to every provider again."""
        words = self._tools.words.of(self._email)
        everywhere = merge(*words.get(EVERY_ACCOUNT, ()))
        if everywhere.forgotten_at is None or everywhere.unsubscribed_by is None:
            return None
        held = next(iter(self._tools.events.load([everywhere.unsubscribed_by])), None)
        if held is None or not held.event.forget or not self._reaches_everybody(held):
            return None
        since = epoch_milliseconds(held.event.occurred_at)
        for account, known in words.items():
            word = all_settled(known, partial(self._tools.events.status, account=account))
            if word.signed_up_at is not None and word.signed_up_at > since:
                return None
        return held.event

    def _reaches_everybody(self, held: StoredEvent) -> bool:
        given_up = (Status.PARKED, Status.REFUSED)
        return all(
            account in held.deliveries and held.deliveries[account].status not in given_up
            for account in self._tools.accounts
        )

    def _came_back_since(self, earlier: Event, found: Found) -> bool:
        """Is there a signup after the earlier wish? A worker may be about to deliver it at this moment."""
        for ids in _parts(found.events):
            self._check_time()
            for held in self._tools.events.load(ids):
                if held.event.type is EventType.SIGNUP and held.event.occurred_at > earlier.occurred_at:
                    return True
        return False

    def _forget_request(self) -> Event:
        """The unsubscribe by which the providers are told."""
        return Event(
            id=self._tools.new_id(),
            type=EventType.UNSUBSCRIBE,
            email=self._email,
            accounts=self._tools.accounts,
            all_accounts=True,
            forget=True,
            occurred_at=from_epoch_milliseconds(epoch_milliseconds(self._now)),
            accepted_at=from_epoch_milliseconds(epoch_milliseconds(self._now)),
            occurred_at_stated=False,
        )

    def _hold(self, forget_request: Event) -> None:
        if self._tools.events.hold(forget_request):
            event_log.accepted([forget_request])

    def _erase(self, event_ids: Sequence[str]) -> list[str]:
        """Erase what is final, and what becomes so by the order of words; gives the events that have to wait."""
        waiting: list[str] = []
        for ids in _parts(event_ids):
            self._check_time()
            events = [held for held in self._tools.events.load(ids) if held.event.email]
            self._supersede(events)
            outcomes = self._tools.table.in_parallel(self._erase_one, [held.event.id for held in events])
            still = [held.event.id for held, out in zip(events, outcomes, strict=True) if out is Outcome.WAITING]
            waiting += still
            self.erased += len(events) - len(still)
        self.waiting = len(waiting)
        return waiting

    def _erase_one(self, event_id: str) -> Outcome:
        return erasing.erase(self._tools.table, event_id, self._now)

    def _supersede(self, events: Iterable[StoredEvent]) -> None:
        """End pending signups as any worker would: the word is written, so none of them is delivered any more.

        They are taken in hand like any others, so one that a worker is delivering at this moment is left to it.
        """
        by_account: dict[str, list[Task]] = {}
        for held in events:
            if held.event.type is EventType.SIGNUP and held.event.occurred_at <= self._now:
                for delivery in held.deliveries.values():
                    if delivery.status is Status.PENDING:
                        by_account.setdefault(delivery.account, []).append(Task(held.event, delivery))
        for tasks in by_account.values():
            going, _ = self._tools.claims.take(tasks, self._deadline, provider_lifts=False)
            self._tools.claims.give_back(going)

    def _clean(self, syncs: Sequence[str]) -> None:
        theirs = partial(contacts_of, normalised=normalise(self._email))
        for sync in syncs:
            self._check_time()
            self.erased += erasing.take_contacts_out(self._tools.table, sync, theirs)

    def _leave(self, forget_request: Event, waiting: Sequence[str]) -> None:
        """Look once more at what had to wait, and leave the rest to the worker that tells the last provider.

        What is in somebody's hand now was taken before the word was written, so that worker does not know. The wish
        itself cannot be told to that account before it is out of that hand, and erases it then.
        """
        waiting = self._erase(waiting)
        if waiting and not erasing.record_waiting(self._tools.table, forget_request.id, waiting):
            waiting = self._erase(waiting)  # told and erased meanwhile, so nothing is in such a hand any more
        told = next(iter(self._tools.events.load([forget_request.id])), None)
        self.waiting = len(waiting) + (told is not None and bool(told.event.email))

    def _check_time(self) -> None:
        if self._deadline.seconds_left <= 0:
            raise OutOfTime


def _parts(event_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (event_ids[start : start + EVENTS_AT_ONCE] for start in range(0, len(event_ids), EVENTS_AT_ONCE))
