"""What a worker has in hand: a delivery whose address it holds, and how a batch of them is taken and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from ..domain.erasure import loses_its_data
from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status
from ..domain.ordering import SUPPRESSED, Verdict, Word
from ..domain.times import epoch_milliseconds
from ..effects import Effects
from ..ledger.events import EventStore
from ..ledger.subscriptions import Attempt, Taken, WordStore
from ..ledger.table import Table
from ..observability import logger, metrics, trail
from .batching import Task
from .deadline import Deadline

T = TypeVar("T")
U = TypeVar("U")

PARKED_AT_ONCE = 200
WRITE_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to write what a provider has already done: losing that would do it twice."""


@dataclass(slots=True)
class InHand:
    """A delivery whose address is held by `attempt`; `delivery` is what will be written of it."""

    task: Task
    attempt: Attempt
    delivery: Delivery
    word: Word = field(default_factory=Word)
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


class Hands:
    """Takes addresses in hand, and writes down what became of their deliveries.

    `came_back` is told of each signup that brought somebody back who had left, before it is written that it did. It may
    raise LedgerUnavailable, and be told again.
    """

    def __init__(
        self,
        table: Table,
        events: EventStore,
        words: WordStore,
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
    ) -> tuple[list[InHand], list[tuple[Task, int]]]:
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
        mine: list[tuple[InHand, Verdict]] = []
        for task, attempt, result in zip(tasks, attempts, taken, strict=True):
            if result is None:
                continue
            if result.verdict is None:
                busy.append((task, result.busy_until or 0))
            else:
                mine.append((_in_hand(task, attempt, result.word), result.verdict))
        return self._those_to_go(mine), busy

    def _those_to_go(self, mine: Sequence[tuple[InHand, Verdict]]) -> list[InHand]:
        """Look up what is now held, once more: another worker may have delivered it just before it was held.

        From here on nobody else can, so what is read now stays true.
        """
        current = self._as_they_stand([hand for hand, _ in mine])
        going: list[InHand] = []
        ended: list[InHand] = []
        gone: list[InHand] = []
        for hand, verdict in mine:
            delivery = current.get(hand.task.event.id)
            if delivery is None or delivery.status is not Status.PENDING:
                gone.append(hand)
                continue
            hand.delivery = delivery
            if _ends(hand, verdict):
                ended.append(hand)
            else:
                (going if delivery.is_due(self._clock()) else gone).append(hand)
        self.give_back(gone)
        self.finish(ended)
        return going

    def _as_they_stand(self, hands: Sequence[InHand]) -> dict[str, Delivery]:
        if not hands:
            return {}
        try:
            return self._events.deliveries((hand.task.event for hand in hands), hands[0].task.account)
        except LedgerUnavailable as error:
            logger.warning("left for a later ring", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return {}

    def delivered(self, hands: Sequence[InHand]) -> None:
        """Write that the provider has taken them. The address stays held: the next one sees that this is final."""
        for hand in hands:
            hand.delivery = replace(hand.delivery, status=Status.DELIVERED, reason=None)
        self._each(self._note_row, [hand for hand in hands if hand.task.event.type is EventType.UNSUBSCRIBE])
        self.finish(hands)

    def _note_row(self, hand: InHand) -> None:
        """So that taking the unsubscribe back needs no reading of them all. It may fail at no other price."""
        if hand.provider_id is not None:
            self._words.note_row(hand.attempt, hand.provider_id)

    def refuse(self, hands: Sequence[tuple[InHand, str]]) -> None:
        """Write that the provider refused them for good, in its words, and give the addresses back."""
        for hand, words in hands:
            hand.delivery = replace(hand.delivery, status=Status.REFUSED, reason=words)
        self._give_back_and_finish([hand for hand, _ in hands])

    def put_off(self, hands: Sequence[InHand], reason: str, until: datetime, give_up: timedelta) -> None:
        """Give them back after a failure that is not theirs; due again at `until`, or parked when it is too late."""
        now = self._clock()
        overdue = [hand for hand in hands if is_overdue(hand.task, now, give_up)]
        for hand in overdue:
            hand.delivery = replace(hand.delivery, status=Status.PARKED, reason=reason)
        self._give_back_and_finish(overdue)
        waiting = [hand for hand in hands if hand.delivery.status is Status.PENDING]
        for hand in waiting:
            hand.delivery = replace(hand.delivery, reason=reason, next_attempt_at=until)

        def put_off_one(hand: InHand) -> None:
            self._events.postpone(hand.task.event, hand.delivery, until, now)
            self._words.release(hand.attempt)

        self._each(put_off_one, waiting)
        if waiting:
            trail.put_off(waiting[0].task.account, (hand.task.event.id for hand in waiting), reason, until)

    def give_back(self, hands: Sequence[InHand]) -> None:
        """Give back what cannot go on now; calls that were made are noted, and what they carried is due at once."""

        def one(hand: InHand) -> None:
            if hand.called:
                self._note_calls(hand)
            self._words.release(hand.attempt)

        self._each(one, hands)

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
            hands, _ = self.take(tasks[start : start + PARKED_AT_ONCE], deadline, provider_lifts=True)
            for hand in hands:
                hand.delivery = replace(hand.delivery, status=Status.PARKED, reason=reason)
            self._give_back_and_finish(hands)

    def finish(self, hands: Sequence[InHand]) -> None:
        """Write final states, trying again for a while: an unwritten delivery would be made twice."""
        left = list(hands)
        for pause in (*WRITE_AGAIN_AFTER, None):
            left = self._end(left, self._finish_one)
            if not left or pause is None:
                return
            self._effects.sleep(pause)

    def _give_back_and_finish(self, hands: Sequence[InHand]) -> None:
        """Release first: a hold whose event is gone counts as delivered, so no other state may leave one behind."""

        def one(hand: InHand) -> bool:
            if hand.called and hand.delivery.unknown_outcome:
                self._note_calls(hand)  # who finds the address free must know, should this process end right here
            self._words.release(hand.attempt)
            return self._finish_one(hand)

        self._end(hands, one)

    def _note_calls(self, hand: InHand) -> None:
        now = self._clock()
        self._events.postpone(hand.task.event, replace(hand.delivery, status=Status.PENDING), now, now)

    def _finish_one(self, hand: InHand) -> bool:
        if hand.comes_back and hand.delivery.status is Status.DELIVERED:
            self._came_back(hand.task.event)
        return self._events.finish(hand.task.event, hand.delivery, self._clock(), forgotten=hand.loses_its_data)

    def _end(self, hands: Sequence[InHand], write: Callable[[InHand], bool]) -> list[InHand]:
        """Write final states by `write`, which says if it changed anything; gives those where the ledger failed."""
        written = self._each(write, hands)
        trail.ended((hand.task.event.id, hand.delivery) for hand, new in zip(hands, written, strict=True) if new)
        return [hand for hand, new in zip(hands, written, strict=True) if new is None]

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


def _in_hand(task: Task, attempt: Attempt, word: Word) -> InHand:
    """A delivery that may go, and what its person's `word` at the account means for it.

    Somebody who came back to one list may still be off the account's others. So whoever ever left has that taken back
    with each signup whose door may, and not only with the first; having nothing to take back is no harm.
    """
    is_signup = task.event.type is EventType.SIGNUP
    left = word.is_suppressed if task.event.lifts_only else word.unsubscribed_at is not None
    return InHand(
        task,
        attempt,
        task.delivery,
        word,
        lifts=is_signup and left and attempt.provider_lifts and task.event.may_lift,
        comes_back=is_signup and word.is_suppressed and not task.event.lifts_only,
        provider_id=word.provider_id if is_signup else None,
    )


def _ends(hand: InHand, verdict: Verdict) -> bool:
    """Note a verdict that ends the delivery without a call."""
    if verdict is Verdict.SUPERSEDED:
        hand.delivery = replace(hand.delivery, status=Status.SUPERSEDED, reason=None)
    elif verdict is Verdict.SUPPRESSED:
        hand.delivery = replace(hand.delivery, status=Status.REFUSED, reason=SUPPRESSED)
        hand.suppressed = True
    elif hand.task.event.lifts_only and not hand.lifts:
        hand.delivery = replace(hand.delivery, status=Status.DELIVERED, reason=None)  # there is nothing to take back
    return hand.delivery.status is not Status.PENDING
