"""Runs syncs, long work that may take several invocations: claim, recorded progress, retry, final status."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import LedgerUnavailable, RelaisError, without_addresses
from ..domain.events import EventType, Status
from ..domain.reasons import ReasonCode
from ..ledger.event_items import FIRST_DUE
from ..observability import ContextPool, event_log, log_context, logger, metrics
from ..services import Services
from .errors import SyncFailed
from .store import SyncProgress, SyncStore

CLAIM_DURATION = timedelta(seconds=90)
"""The claim of a worker that records nothing for so long expires. Longer than the read timeout of a source."""
SHORTEST_SECONDS = 10.0
"""No sync, and no chunk of one, is started with less time than this."""
SYNCS_AT_ONCE = 4
"""Syncs that an invocation runs concurrently."""


class ClaimLost(RelaisError):
    """Another worker has claimed this sync."""


class SyncAttempt(ABC):
    """One worker's attempt at one delivery of a sync. Subclasses implement the work in `_work`."""

    def __init__(self, services: Services, task: Task, deadline: Deadline) -> None:
        self._services = services
        self._syncs = SyncStore(services.table)
        self._event = task.event
        self._account = task.account
        self._delivery = task.delivery
        self._deadline = deadline
        self._token = services.effects.token()
        self._progress = SyncProgress()
        self._progress_id = f"{task.event.id}#{task.account}" if len(task.event.accounts) > 1 else task.event.id

    def run(self) -> None:
        """Claims the sync and works while there is time. Raises LedgerUnavailable: sweep enqueues it again."""
        now = self._now
        progress = self._syncs.claim(self._progress_id, self._token, now, now + self._claim_duration)
        if progress is None:
            return
        self._progress = progress
        try:
            self._work()
        except ClaimLost:
            logger.info("sync claimed by another worker")

    @abstractmethod
    def _work(self) -> None:
        """Does the work and writes its result."""

    @abstractmethod
    def _progress_text(self) -> str:
        """Describes what was done so far; empty if nothing was."""

    def _reason(self, why: object) -> str:
        """Describes for an operator why it ended or waits, and what was done so far, without addresses."""
        done = self._progress_text()
        return without_addresses(f"{why}; so far {done}" if done else str(why))

    @property
    def _claim_duration(self) -> timedelta:
        return CLAIM_DURATION

    @property
    def _now(self) -> datetime:
        return self._services.effects.clock()

    def _has_time(self) -> bool:
        return self._deadline.seconds_left >= SHORTEST_SECONDS

    def _save_progress(self, progress: SyncProgress, until: datetime | None = None) -> None:
        """Writes progress and extends the claim; an `until` not after now releases it. Raises ClaimLost."""
        self._progress = progress
        now = self._now
        if not self._syncs.save(self._progress_id, self._token, progress, now, until or now + self._claim_duration):
            raise ClaimLost

    def _continue_later(self, *, notify: bool = True) -> None:
        """Leaves the rest to another invocation: notifies it now, or leaves that to `sweep` once the sync is due."""
        now = self._now
        self._save_progress(self._progress, until=now)
        done = self._progress_text()
        delivery = replace(self._delivery, reason=f"so far {done}" if done else None, reason_code=None)
        self._services.events.postpone(self._event, delivery, now + FIRST_DUE, now)
        if notify:
            self._services.notifier.notify(EventType.SYNC, [self._event.id])

    def _record_unknown_outcome(self) -> None:
        """Counts an attempt that the provider may have carried out without a record of it."""
        metrics.count("unknown_outcomes", account=self._account)
        attempts = self._delivery.unknown_attempts + 1
        self._delivery = replace(self._delivery, unknown_outcome=True, unknown_attempts=attempts)

    def _schedule_retry(self, error: SyncFailed) -> None:
        """Retries after a doubled wait; parks the sync after `give_up_after_hours` or `unknown_attempts`."""
        retry_policy, now = self._services.settings.delivery, self._now
        if error.unknown:
            self._record_unknown_outcome()
        delivery = self._delivery
        if delivery.unknown_attempts >= retry_policy.unknown_attempts:
            attempts = f"{delivery.unknown_attempts} attempt{'s' if delivery.unknown_attempts > 1 else ''}"
            reason = self._reason(f"outcome unknown after {attempts}: {error}")
            self._finish(Status.PARKED, reason, ReasonCode.OUTCOME_UNKNOWN)
            return
        since = delivery.resent_at or self._event.accepted_at
        if now - since > timedelta(hours=retry_policy.give_up_after_hours):
            self._finish(Status.PARKED, self._reason(error), error.reason_code)
            return
        failures, chance = self._progress.failures, self._services.effects.chance()
        seconds = backoff.wait_seconds(
            failures, retry_policy.first_retry_seconds, retry_policy.longest_retry_seconds, chance, error.retry_after
        )
        until, reason = now + timedelta(seconds=seconds), self._reason(error)
        self._save_progress(self._progress)
        metrics.count("sync_retries", account=self._account)
        event_log.retry_scheduled(self._account, [self._event.id], reason, until)
        delivery = replace(
            delivery,
            attempts=delivery.attempts + 1,
            reason=reason,
            reason_code=error.reason_code,
            next_attempt_at=until,
        )
        self._services.events.postpone(self._event, delivery, until, now)
        # Only now: an outcome that is not recorded with the delivery must stay recorded as unknown.
        self._save_progress(replace(self._progress, failures=failures + 1, asked=False), until=now)

    def _finish(self, status: Status, reason: str, code: ReasonCode | None = None) -> bool:
        """Writes the final status, then releases the claim; False if the delivery was final already."""
        now = self._now
        self._save_progress(self._progress)
        attempts = self._delivery.attempts + 1
        delivery = replace(self._delivery, status=status, attempts=attempts, reason=reason, reason_code=code)
        finished = self._services.events.finish(self._event, delivery, now)
        if finished:
            event_log.ended([(self._event.id, delivery)])
        with suppress(ClaimLost, LedgerUnavailable):  # the sync is final, and the claim expires by itself
            self._save_progress(replace(self._progress, failures=0, restarts=0, asked=False), until=now)
        return finished


class SyncRunner:
    """Runs the syncs of one invocation concurrently, so that a slow one delays no other.

    `kinds` makes the attempt for each kind of sync; an event without a kind imports contacts. Syncs that the invocation
    has no time for are notified again.
    """

    def __init__(self, services: Services, kinds: Mapping[str, Callable[[Task, Deadline], SyncAttempt]]) -> None:
        self._services = services
        self._kinds = kinds

    def run(self, tasks: Sequence[Task], deadline: Deadline) -> None:
        """Runs syncs, those with inline contacts first: they take seconds, a file may take several invocations."""
        in_order = sorted(tasks, key=lambda task: task.event.sync is not None and task.event.sync.source is not None)
        with ContextPool(min(SYNCS_AT_ONCE, len(in_order)), thread_name_prefix="sync") as pool:
            list(pool.map(partial(self._run_one, deadline), in_order))

    def _run_one(self, deadline: Deadline, task: Task) -> None:
        if deadline.seconds_left < SHORTEST_SECONDS:
            self._services.notifier.notify(EventType.SYNC, [task.event.id])
            return
        with log_context(event_id=task.event.id):
            try:
                kind = task.event.sync.kind if task.event.sync is not None else "contacts"
                self._kinds[kind](task, deadline).run()
            except LedgerUnavailable as error:
                logger.warning("sync deferred: ledger unavailable", extra={"error": str(error)})
                metrics.count("ledger_failures", account=task.account)
