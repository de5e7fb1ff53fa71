"""Runs one worker's attempt at one delivery of a sync: claim, recorded progress, continuation, retry, final status."""

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

CLAIM_DURATION = timedelta(seconds=90)
"""The claim of a worker that records nothing for so long expires. Longer than the read timeout of a source."""
SHORTEST_SECONDS = 10.0
"""No job, and no chunk of one, is started with less time than this."""


class AttemptTools(Protocol):
    """The dependencies of every sync."""

    @property
    def settings(self) -> Settings:
        """The configuration."""

    @property
    def events(self) -> EventStore:
        """The events of the ledger."""

    @property
    def syncs(self) -> SyncStore:
        """The progress of syncs."""

    @property
    def notifier(self) -> Notifier:
        """Notifies workers when a sync has to continue."""

    @property
    def effects(self) -> Effects:
        """The clock, randomness, tokens."""


class Attempt(ABC):
    """One worker's attempt at a sync's delivery. Subclasses implement the work in `_come_to_something`."""

    def __init__(self, dependencies: AttemptTools, task: Task, deadline: Deadline) -> None:
        self._settings = dependencies.settings
        self._events = dependencies.events
        self._syncs = dependencies.syncs
        self._notifier = dependencies.notifier
        self._effects = dependencies.effects
        self._event: Event = task.event
        self._account = task.account
        self._delivery: Delivery = task.delivery
        self._deadline = deadline
        self._token = dependencies.effects.token()
        self._progress = Progress()
        several = len(task.event.accounts) > 1
        self._progress_id = f"{task.event.id}#{task.account}" if several else task.event.id

    def run(self) -> None:
        """Claim the sync and work while there is time. Raises LedgerUnavailable: sweep enqueues it again."""
        now = self._now
        progress = self._syncs.claim(self._progress_id, self._token, now, now + self._taken_for)
        if progress is None:
            return
        self._progress = progress
        try:
            self._come_to_something()
        except TakenOver:
            logger.info("sync claimed by another worker")

    @abstractmethod
    def _come_to_something(self) -> None:
        """Do the work and write its result."""

    @abstractmethod
    def _so_far(self) -> str:
        """Describe what was done so far; empty if nothing was."""

    def _words(self, why: object) -> str:
        """Describe for an operator why it ended or waits, and what was done so far; holds no address."""
        so_far = self._so_far()
        return without_addresses(f"{why}; so far {so_far}" if so_far else str(why))

    @property
    def _taken_for(self) -> timedelta:
        return CLAIM_DURATION

    def _note(self, progress: Progress, until: datetime | None = None) -> None:
        """Write progress and extend the claim; an `until` not after now releases it. Raises TakenOver."""
        self._progress = progress
        now = self._now
        if not self._syncs.save(self._progress_id, self._token, progress, now, until or now + self._taken_for):
            raise TakenOver

    def _go_on_later(self, *, notify: bool = True) -> None:
        """Leave the rest to the next invocation, notified now, or by sweep once it is due."""
        now = self._now
        self._note(self._progress, until=now)
        so_far = self._so_far()
        delivery = replace(self._delivery, reason=f"so far {so_far}" if so_far else None)
        self._events.postpone(self._event, delivery, now + FIRST_DUE, now)
        if notify:
            self._notifier.notify(EventType.SYNC, [self._event.id])

    def _put_off(self, error: SyncTrouble) -> None:
        """Schedule a retry with a doubled wait; park the sync once `give_up_after_hours` have passed."""
        retry_policy, now = self._settings.delivery, self._now
        delivery = replace(self._delivery, unknown_outcome=self._delivery.unknown_outcome or error.unknown)
        since = delivery.resent_at or self._event.accepted_at
        if now - since > timedelta(hours=retry_policy.give_up_after_hours):
            self._delivery = delivery
            self._finish(Status.PARKED, self._words(error))
            return
        failures, chance = self._progress.failures, self._effects.chance()
        seconds = backoff.wait_seconds(
            failures, retry_policy.first_retry_seconds, retry_policy.longest_retry_seconds, chance, error.retry_after
        )
        until = now + timedelta(seconds=seconds)
        self._note(replace(self._progress, failures=failures + 1), until=now)
        metrics.count("sync_retries", account=self._account)
        event_log.retry_scheduled(self._account, [self._event.id], self._words(error), until)
        delivery = replace(delivery, attempts=delivery.attempts + 1, reason=self._words(error), next_attempt_at=until)
        self._events.postpone(self._event, delivery, until, now)

    def _finish(self, status: Status, reason: str) -> bool:
        """Write the final status; False if it had one already."""
        now = self._now
        self._note(replace(self._progress, failures=0, restarts=0), until=now)
        delivery = replace(self._delivery, status=status, attempts=self._delivery.attempts + 1, reason=reason)
        if not self._events.finish(self._event, delivery, now):
            return False
        event_log.ended([(self._event.id, delivery)])
        return True

    @property
    def _now(self) -> datetime:
        return self._effects.clock()
