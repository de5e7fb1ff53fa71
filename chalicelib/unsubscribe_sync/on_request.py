"""A sync of unsubscribes that an event asks for: the list of one account, until all that is new in it is held."""

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
from .importer import Outcome, Tools as ImportTools, UnsubscribeImport


@dataclass(frozen=True, slots=True)
class Tools:
    """What these syncs are made with."""

    settings: Settings
    events: EventStore
    syncs: SyncStore
    notifier: Notifier
    effects: Effects
    unsubscribe_import: ImportTools


class AskedSync(Attempt):
    """One worker's go at the list of one account. `progress.rows` counts the events that it has made."""

    def __init__(self, tools: Tools, task: Task, deadline: Deadline) -> None:
        super().__init__(tools, task, deadline)
        self._leavers = tools.unsubscribe_import

    @property
    def _taken_for(self) -> timedelta:
        """Nothing is noted before the invocation ends, which a long list may take all of."""
        return self._deadline.holds_end_at - self._now

    def _come_to_something(self) -> None:
        capabilities = self._leavers.capabilities_of(self._account)
        if capabilities is None:
            self._finish(Status.REFUSED, "the account is not configured any more")
        elif not capabilities.reads_unsubscribes:
            self._finish(Status.REFUSED, "the account's provider cannot say who left")
        else:
            tell = self._event.sync.tell if self._event.sync else ()
            outcome = UnsubscribeImport(self._leavers, self._account, tell, self._deadline).run()
            self._progress = replace(self._progress, rows=self._progress.rows + outcome.written)
            self._judge(outcome)

    def _judge(self, outcome: Outcome) -> None:
        if outcome.error is not None and outcome.kind in (Kind.CALLER, Kind.CONTACT):
            self._finish(Status.REFUSED, self._words(outcome.error))
        elif outcome.error is not None:
            self._put_off(SyncTrouble(outcome.error, retry_after=outcome.retry_after))
        elif outcome.busy or outcome.backlog:
            # What waits for a signup to end, or for another run, would only be found waiting again at once.
            self._go_on_later(notify=outcome.backlog > outcome.waiting)
        else:
            skipped = f", skipped {outcome.skipped}" if outcome.skipped else ""
            self._finish(Status.DELIVERED, f"read {outcome.read}{skipped}, told {self._progress.rows}")

    def _so_far(self) -> str:
        return f"told {self._progress.rows}" if self._progress.rows else ""
