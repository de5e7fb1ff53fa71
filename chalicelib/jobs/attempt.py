"""One worker's go at one delivery of a sync, whatever it does: taken in hand, noted, put off, gone on with, ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from ..config.model import Settings
from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import without_addresses
from ..domain.events import Delivery, Event, EventType, Status
from ..effects import Effects
from ..ledger.events import FIRST_DUE, EventStore
from ..notification.notifier import Notifier
from ..observability import event_log, logger, metrics
from .errors import SyncTrouble, TakenOver
from .store import Progress, SyncStore

TAKEN_FOR = timedelta(seconds=90)
"""A worker that has not noted anything for so long is taken for dead. Longer than the silence a host may keep."""
SHORTEST_SECONDS = 10.0
"""No job, and no chunk of one, is begun with less time than this."""


class AttemptTools(Protocol):
    """What every sync is made with."""

    @property
    def settings(self) -> Settings:
        """The configuration."""

    @property
    def events(self) -> EventStore:
        """The events of the ledger."""

    @property
    def syncs(self) -> SyncStore:
        """How far syncs have come."""

    @property
    def notifier(self) -> Notifier:
        """What is rung when a sync has to go on."""

    @property
    def effects(self) -> Effects:
        """The clock, chance, names."""


class Attempt(ABC):
    """A sync's delivery in one worker's hands. What it does is for subclasses: `_come_to_something`."""

    def __init__(self, tools: AttemptTools, task: Task, deadline: Deadline) -> None:
        self._kept = tools
        self._event: Event = task.event
        self._account = task.account
        self._delivery: Delivery = task.delivery
        self._deadline = deadline
        self._token = tools.effects.token()
        self._progress = Progress()
        several = len(task.event.accounts) > 1
        self._progress_id = f"{task.event.id}#{task.account}" if several else task.event.id

    def run(self) -> None:
        """Come as far as the time allows. Raises LedgerUnavailable: then it is left for a later ring."""
        now = self._now
        taken = self._kept.syncs.take(self._progress_id, self._token, now, now + self._taken_for)
        if taken is None:
            return
        self._progress = taken
        try:
            self._come_to_something()
        except TakenOver:
            logger.info("another worker has taken over")

    @abstractmethod
    def _come_to_something(self) -> None:
        """Do it, and write what came of it."""

    @abstractmethod
    def _so_far(self) -> str:
        """What was done by now, in words; nothing if nothing was."""

    def _words(self, why: object) -> str:
        """Why it ended or waits, and how far it came, as an operator is told it."""
        so_far = self._so_far()
        return without_addresses(f"{why}; so far {so_far}" if so_far else str(why))

    @property
    def _taken_for(self) -> timedelta:
        return TAKEN_FOR

    def _note(self, progress: Progress, until: datetime | None = None) -> None:
        """Write down how far it has come, and keep it; with `until` not after now it is given back."""
        self._progress = progress
        now = self._now
        if not self._kept.syncs.note(self._progress_id, self._token, progress, now, until or now + self._taken_for):
            raise TakenOver

    def _go_on_later(self, *, notify: bool = True) -> None:
        """Leave the rest to the next invocation, which is rung for at once, or else when sweep finds it due."""
        now = self._now
        self._note(self._progress, until=now)
        so_far = self._so_far()
        delivery = replace(self._delivery, reason=f"so far {so_far}" if so_far else None)
        self._kept.events.postpone(self._event, delivery, now + FIRST_DUE, now)
        if notify:
            self._kept.notifier.notify(EventType.SYNC, [self._event.id])

    def _put_off(self, error: SyncTrouble) -> None:
        """Try again later, doubling the wait; or park it when that has gone on for too long."""
        patience, now = self._kept.settings.delivery, self._now
        delivery = replace(self._delivery, unknown_outcome=self._delivery.unknown_outcome or error.unknown)
        since = delivery.resent_at or self._event.accepted_at
        if now - since > timedelta(hours=patience.give_up_after_hours):
            self._delivery = delivery
            self._finish(Status.PARKED, self._words(error))
            return
        failures, chance = self._progress.failures, self._kept.effects.chance()
        seconds = backoff.wait_seconds(
            failures, patience.first_retry_seconds, patience.longest_retry_seconds, chance, error.retry_after
        )
        until = now + timedelta(seconds=seconds)
        self._note(replace(self._progress, failures=failures + 1), until=now)
        metrics.count("syncs_put_off", account=self._account)
        event_log.put_off(self._account, [self._event.id], self._words(error), until)
        delivery = replace(delivery, attempts=delivery.attempts + 1, reason=self._words(error), next_attempt_at=until)
        self._kept.events.postpone(self._event, delivery, until, now)

    def _finish(self, status: Status, reason: str) -> bool:
        """Write the end; False if it had ended before."""
        now = self._now
        self._note(replace(self._progress, failures=0, restarts=0), until=now)
        delivery = replace(self._delivery, status=status, attempts=self._delivery.attempts + 1, reason=reason)
        if not self._kept.events.finish(self._event, delivery, now):
            return False
        event_log.ended([(self._event.id, delivery)])
        return True

    @property
    def _now(self) -> datetime:
        return self._kept.effects.clock()
