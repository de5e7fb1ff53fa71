"""What a worker has in hand: a delivery whose address it holds, and how a batch of them is taken and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from ..domain.erasure import loses_its_data
from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status
from ..domain.ordering import SUPPRESSED, Decision, SubscriptionState
from ..domain.times import epoch_milliseconds
from ..effects import Effects
from ..ledger.events import EventStore
from ..ledger.subscriptions import Attempt, SubscriptionStore, Taken
from ..ledger.table import Table
from ..observability import event_log, logger, metrics
from .batching import Task
from .deadline import Deadline

T = TypeVar("T")
U = TypeVar("U")

PARKED_AT_ONCE = 200
WRITE_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to write what a provider has already done: losing that would do it twice."""


@dataclass(slots=True)
class ClaimedDelivery:
    """A delivery whose address is held by `attempt`; `delivery` is what will be written of it."""

    task: Task
    attempt: Attempt
    delivery: Delivery
    word: SubscriptionState = field(default_factory=SubscriptionState)
    """What was known of the address when it was taken in hand."""
    suppressed: bool = False
    called: bool = False
    """A call has carried it since it was taken in hand."""
    lifts: bool = False
    """The person left before, and the provider is to take that back before anything else."""
    comes_back: bool = False
    """The person had left, and this brings them back."""
    provider_id: str | None = None
    """What the provider calls the person's row among those who left, as far as it is known."""

    @property
    def loses_its_data(self) -> bool:
        """Has the person asked to be forgotten, so that this event is erased as it ends?"""
        event = self.task.event
        at = epoch_milliseconds(event.occurred_at)
        return loses_its_data(event.type, at, self.word, (self.delivery.status,), suppressed=self.suppressed)

    def tried(self, *, unknown: bool = False) -> None:
        """A call carried it; `unknown`: what that call did is not known."""
        self.called = True
        self.delivery = replace(
            self.delivery,
            attempts=self.delivery.attempts + 1,
            unknown_outcome=self.delivery.unknown_outcome or unknown,
        )


class Claims:
    """Takes addresses in hand, and writes down what became of their deliveries.

    `came_back` is told of each signup that brought somebody back who had left, before it is written that it did. It may
    raise LedgerUnavailable, and be told again.
    """

    def __init__(
        self,
        table: Table,
        events: EventStore,
        words: SubscriptionStore,
        came_back: Callable[[Event], None],
        effects: Effects,
    ) -> None:
        self._table = table
        self._events = events
        self._words = words
        self._came_back = came_back
        self._effects = effects
        self._clock = effects.clock

    def take(
        self, tasks: Sequence[Task], deadline: Deadline, *, provider_lifts: bool
    ) -> tuple[list[ClaimedDelivery], list[tuple[Task, int]]]:
        """Those of `tasks` (one account) that may go now, and those whose address is busy, with until when (ms).

        What the order rules end here (superseded, suppressed) is written and gone. What another worker has ended or put
        off since it was looked up is left alone, and what the ledger fails on is left pending for a later ring.
        """
        if not tasks:
            return [], []
        known = self._words.read((task.event.email for task in tasks), tasks[0].account)
        attempts = [
            Attempt(
                task.event,
                task.account,
                deadline.holds_end_at,
                self._effects.token(),
                provider_lifts,
                task.delivery.taken_back,
            )
            for task in tasks
        ]

        def take_one(attempt: Attempt) -> Taken:
            return self._words.take(
                attempt,
                known[attempt.event.email],
                lambda event_id: self._events.status(event_id, attempt.account),
                lambda hold: self._events.mark_unknown(hold.event, attempt.account, hold.token),
                self._clock(),
            )

        taken = self._each(take_one, attempts)
        busy: list[tuple[Task, int]] = []
        mine: list[tuple[ClaimedDelivery, Decision]] = []
        for task, attempt, result in zip(tasks, attempts, taken, strict=True):
            if result is None:
                continue
            if result.decision is None:
                busy.append((task, result.busy_until or 0))
            else:
                mine.append((_in_hand(task, attempt, result.word), result.decision))
        return self._those_to_go(mine), busy

    def _those_to_go(self, mine: Sequence[tuple[ClaimedDelivery, Decision]]) -> list[ClaimedDelivery]:
        """Look up what is now held, once more: another worker may have delivered it just before it was held.

        From here on nobody else can, so what is read now stays true.
        """
        current = self._as_they_stand([claimed for claimed, _ in mine])
        going: list[ClaimedDelivery] = []
        ended: list[ClaimedDelivery] = []
        gone: list[ClaimedDelivery] = []
        for claimed, decision in mine:
            delivery = current.get(claimed.task.event.id)
            if delivery is None or delivery.status is not Status.PENDING:
                gone.append(claimed)
                continue
            claimed.delivery = delivery
            if _ends(claimed, decision):
                ended.append(claimed)
            else:
                (going if delivery.is_due(self._clock()) else gone).append(claimed)
        self.give_back(gone)
        self.finish(ended)
        return going

    def _as_they_stand(self, claims: Sequence[ClaimedDelivery]) -> dict[str, Delivery]:
        if not claims:
            return {}
        try:
            return self._events.deliveries((claimed.task.event for claimed in claims), claims[0].task.account)
        except LedgerUnavailable as error:
            logger.warning("left for a later ring", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return {}

    def delivered(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Write that the provider has taken them. The address stays held: the next one sees that this is final."""
        for claimed in claims:
            claimed.delivery = replace(claimed.delivery, status=Status.DELIVERED, reason=None)
        self._each(
            self._record_row, [claimed for claimed in claims if claimed.task.event.type is EventType.UNSUBSCRIBE]
        )
        self.finish(claims)

    def _record_row(self, claimed: ClaimedDelivery) -> None:
        """So that taking the unsubscribe back needs no reading of them all. It may fail at no other price."""
        if claimed.provider_id is not None:
            self._words.record_row(claimed.attempt, claimed.provider_id)

    def refuse(self, claims: Sequence[tuple[ClaimedDelivery, str]]) -> None:
        """Write that the provider refused them for good, in its words, and give the addresses back."""
        for claimed, words in claims:
            claimed.delivery = replace(claimed.delivery, status=Status.REFUSED, reason=words)
        self._give_back_and_finish([claimed for claimed, _ in claims])

    def put_off(self, claims: Sequence[ClaimedDelivery], reason: str, until: datetime, give_up: timedelta) -> None:
        """Give them back after a failure that is not theirs; due again at `until`, or parked when it is too late."""
        now = self._clock()
        overdue = [claimed for claimed in claims if is_overdue(claimed.task, now, give_up)]
        for claimed in overdue:
            claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason)
        self._give_back_and_finish(overdue)
        waiting = [claimed for claimed in claims if claimed.delivery.status is Status.PENDING]
        for claimed in waiting:
            claimed.delivery = replace(claimed.delivery, reason=reason, next_attempt_at=until)

        def put_off_one(claimed: ClaimedDelivery) -> None:
            self._events.postpone(claimed.task.event, claimed.delivery, until, now)
            self._words.release(claimed.attempt)

        self._each(put_off_one, waiting)
        if waiting:
            event_log.put_off(waiting[0].task.account, (claimed.task.event.id for claimed in waiting), reason, until)

    def give_back(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Give back what cannot go on now; calls that were made are noted, and what they carried is due at once."""

        def one(claimed: ClaimedDelivery) -> None:
            if claimed.called:
                self._record_calls(claimed)
            self._words.release(claimed.attempt)

        self._each(one, claims)

    def due_later(self, tasks: Iterable[tuple[Task, datetime]]) -> None:
        """Have tasks that were not tried rung for again at a certain time."""
        self._each(lambda pair: self._events.defer(pair[0].event, pair[0].delivery, pair[1]), tasks)

    def park(self, tasks: Sequence[Task], reason: str, deadline: Deadline) -> None:
        """Stop trying tasks of one account; one command sends them again. What is left at `deadline` is rung again.

        It takes them in hand as if they were to go: another worker may be delivering one at this moment, or have died
        of it and left its outcome unknown, and who left must be known to have left also where that cannot be told.
        """
        for start in range(0, len(tasks), PARKED_AT_ONCE):
            if deadline.seconds_left <= 0:
                return
            claims, _ = self.take(tasks[start : start + PARKED_AT_ONCE], deadline, provider_lifts=True)
            for claimed in claims:
                claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason)
            self._give_back_and_finish(claims)

    def finish(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Write final states, trying again for a while: an unwritten delivery would be made twice."""
        left = list(claims)
        for pause in (*WRITE_AGAIN_AFTER, None):
            left = self._end(left, self._finish_one)
            if not left or pause is None:
                return
            self._effects.sleep(pause)

    def _give_back_and_finish(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Release first: a hold whose event is gone counts as delivered, so no other state may leave one behind."""

        def one(claimed: ClaimedDelivery) -> bool:
            if claimed.called and claimed.delivery.unknown_outcome:
                self._record_calls(claimed)  # who finds the address free must know, should this process end right here
            self._words.release(claimed.attempt)
            return self._finish_one(claimed)

        self._end(claims, one)

    def _record_calls(self, claimed: ClaimedDelivery) -> None:
        now = self._clock()
        self._events.postpone(claimed.task.event, replace(claimed.delivery, status=Status.PENDING), now, now)

    def _finish_one(self, claimed: ClaimedDelivery) -> bool:
        if claimed.comes_back and claimed.delivery.status is Status.DELIVERED:
            self._came_back(claimed.task.event)
        return self._events.finish(
            claimed.task.event, claimed.delivery, self._clock(), forgotten=claimed.loses_its_data
        )

    def _end(
        self, claims: Sequence[ClaimedDelivery], write: Callable[[ClaimedDelivery], bool]
    ) -> list[ClaimedDelivery]:
        """Write final states by `write`, which says if it changed anything; gives those where the ledger failed."""
        written = self._each(write, claims)
        event_log.ended(
            (claimed.task.event.id, claimed.delivery) for claimed, new in zip(claims, written, strict=True) if new
        )
        return [claimed for claimed, new in zip(claims, written, strict=True) if new is None]

    def _each(self, work: Callable[[T], U], values: Iterable[T]) -> list[U | None]:
        """`work` on each value in parallel; None where the ledger failed, which touches nothing but that value."""

        def guarded(value: T) -> U | None:
            try:
                return work(value)
            except LedgerUnavailable as error:
                logger.warning("left for a later ring", extra={"error": str(error)})
                metrics.count("ledger_failures")
                return None

        return self._table.in_parallel(guarded, values)


def is_overdue(task: Task, now: datetime, give_up: timedelta) -> bool:
    """True for a signup that was accepted, or sent again, too long ago to go on. Unsubscribes are tried for ever."""
    since = task.delivery.resent_at or task.event.accepted_at
    return task.event.type is EventType.SIGNUP and now - since > give_up


def _in_hand(task: Task, attempt: Attempt, word: SubscriptionState) -> ClaimedDelivery:
    """A delivery that may go, and what its person's `word` at the account means for it.

    Somebody who came back to one list may still be off the account's others. So whoever ever left has that taken back
    with each signup whose door may, and not only with the first; having nothing to take back is no harm.
    """
    is_signup = task.event.type is EventType.SIGNUP
    left = word.is_suppressed if task.event.lifts_only else word.unsubscribed_at is not None
    return ClaimedDelivery(
        task,
        attempt,
        task.delivery,
        word,
        lifts=is_signup and left and attempt.provider_lifts and task.event.may_lift,
        comes_back=is_signup and word.is_suppressed and not task.event.lifts_only,
        provider_id=word.provider_id if is_signup else None,
    )


def _ends(claimed: ClaimedDelivery, decision: Decision) -> bool:
    """Note a verdict that ends the delivery without a call."""
    if decision is Decision.SUPERSEDED:
        claimed.delivery = replace(claimed.delivery, status=Status.SUPERSEDED, reason=None)
    elif decision is Decision.SUPPRESSED:
        claimed.delivery = replace(claimed.delivery, status=Status.REFUSED, reason=SUPPRESSED)
        claimed.suppressed = True
    elif claimed.task.event.lifts_only and not claimed.lifts:
        claimed.delivery = replace(
            claimed.delivery, status=Status.DELIVERED, reason=None
        )  # there is nothing to take back
    return claimed.delivery.status is not Status.PENDING
