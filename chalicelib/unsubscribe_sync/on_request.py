"""Runs a requested sync of unsubscribes: imports one account's list until all new rows are stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ..config.model import Settings
from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain.errors import Kind
from ..domain.events import Status
from ..effects import Effects
from ..jobs.attempt import Attempt
from ..jobs.errors import SyncTrouble
from ..jobs.store import SyncStore
from ..ledger.events import EventStore
from ..notification.notifier import Notifier
from .importer import ImportDependencies, ImportOutcome, UnsubscribeImport


@dataclass(frozen=True, slots=True)
class RequestedSyncDependencies:
    """Dependencies of requested syncs."""

    settings: Settings
    events: EventStore
    syncs: SyncStore
    notifier: Notifier
    effects: Effects
    unsubscribe_import: ImportDependencies


class RequestedSync(Attempt):
    """One worker's attempt at the list of one account. `progress.rows` counts the events made."""

    def __init__(self, dependencies: RequestedSyncDependencies, task: Task, deadline: Deadline) -> None:
        super().__init__(dependencies, task, deadline)
        self._unsubscribe_import = dependencies.unsubscribe_import

    @property
    def _taken_for(self) -> timedelta:
        """The whole invocation: a long list may take all of it, and progress is recorded only at its end."""
        return self._deadline.lease_until - self._now

    def _come_to_something(self) -> None:
        capabilities = self._unsubscribe_import.capabilities_of(self._account)
        if capabilities is None:
            self._finish(Status.REFUSED, "the account is not configured any more")
        elif not capabilities.reads_unsubscribes:
            self._finish(Status.REFUSED, "the account's provider cannot say who left")
        else:
            propagate_to = self._event.sync.propagate_to if self._event.sync else ()
            outcome = UnsubscribeImport(self._unsubscribe_import, self._account, propagate_to, self._deadline).run()
            self._progress = replace(self._progress, rows=self._progress.rows + outcome.written)
            self._conclude(outcome)

    def _conclude(self, outcome: ImportOutcome) -> None:
        if outcome.error is not None and outcome.kind in (Kind.CALLER, Kind.CONTACT):
            self._finish(Status.REFUSED, self._words(outcome.error))
        elif outcome.error is not None:
            self._put_off(SyncTrouble(outcome.error, retry_after=outcome.retry_after))
        elif outcome.busy or outcome.backlog:
            # No notification for rows that wait for a signup or another run: an immediate attempt would find no change.
            self._go_on_later(notify=outcome.backlog > outcome.waiting)
        else:
            skipped = f", skipped {outcome.skipped}" if outcome.skipped else ""
            self._finish(Status.DELIVERED, f"read {outcome.read}{skipped}, told {self._progress.rows}")

    def _so_far(self) -> str:
        return f"told {self._progress.rows}" if self._progress.rows else ""
