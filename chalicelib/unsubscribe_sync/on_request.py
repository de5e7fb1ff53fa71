"""Runs a requested sync of unsubscribes: imports one account's list until all new rows are stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain.errors import Kind
from ..domain.events import Status
from ..domain.reasons import ReasonCode
from ..jobs.attempt import SyncAttempt
from ..jobs.errors import SyncFailed
from .importer import ImportDependencies, UnsubscribeImport


class RequestedSync(SyncAttempt):
    """One worker's attempt at the list of one account. `progress.rows` counts the events made."""

    def __init__(self, dependencies: ImportDependencies, task: Task, deadline: Deadline) -> None:
        super().__init__(dependencies.services, task, deadline)
        self._dependencies = dependencies

    @property
    def _claim_duration(self) -> timedelta:
        """The whole invocation: a long list may take all of it, and progress is recorded only at its end."""
        return self._deadline.lease_until - self._now

    def _work(self) -> None:
        capabilities = self._dependencies.capabilities_of(self._account)
        if capabilities is None:
            self._finish(Status.REFUSED, "the account is not configured any more", ReasonCode.ACCOUNT_REMOVED)
            return
        if not capabilities.reads_unsubscribes:
            reason = "the account's provider has no unsubscribe list to read"
            self._finish(Status.REFUSED, reason, ReasonCode.SOURCE_REFUSED)
            return
        targets = self._event.sync.propagate_to if self._event.sync else ()
        outcome = UnsubscribeImport(self._dependencies, self._account, targets, self._deadline).run()
        self._progress = replace(self._progress, rows=self._progress.rows + outcome.written)
        if outcome.error is not None and outcome.kind in (Kind.CALLER, Kind.CONTACT):
            self._finish(Status.REFUSED, self._reason(outcome.error), outcome.code)
        elif outcome.error is not None:
            code = outcome.code or ReasonCode.SOURCE_FAILED
            self._schedule_retry(SyncFailed(outcome.error, retry_after=outcome.retry_after, reason_code=code))
        elif outcome.busy or outcome.backlog:
            # An attempt right away would find rows that wait for a signup, or another run's list, unchanged.
            self._continue_later(notify=outcome.backlog > outcome.waiting)
        else:
            skipped = f", skipped {outcome.skipped}" if outcome.skipped else ""
            self._finish(Status.DELIVERED, f"read {outcome.read}{skipped}, told {self._progress.rows}")

    def _progress_text(self) -> str:
        return f"told {self._progress.rows}" if self._progress.rows else ""
