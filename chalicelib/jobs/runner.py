"""Runs the jobs of one invocation concurrently, so that a slow one delays no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable
from ..domain.events import EventType
from ..notification.notifier import Notifier
from ..observability import log_context, logger, metrics, with_log_context
from .attempt import SHORTEST_SECONDS, Attempt

AT_ONCE = 4

MakesAttempt = Callable[[Task, Deadline], Attempt]
"""Makes an attempt at one job, within the time of the invocation."""


class Syncs:
    """Runs sync jobs. `kinds` makes the attempt for each kind of sync; an event without a kind imports contacts.

    Jobs that an invocation has no time for are notified again.
    """

    def __init__(self, notifier: Notifier, kinds: Mapping[str, MakesAttempt]) -> None:
        self._notifier = notifier
        self._kinds = kinds

    def run(self, tasks: Sequence[Task], deadline: Deadline) -> None:
        """Run jobs, those with inline contacts first: they take seconds, a file may take several invocations."""
        in_order = sorted(tasks, key=lambda task: task.event.sync is not None and task.event.sync.source is not None)
        with ThreadPoolExecutor(min(AT_ONCE, len(in_order)), thread_name_prefix="sync") as pool:
            list(pool.map(with_log_context(partial(self._run_one, deadline)), in_order))

    def _run_one(self, deadline: Deadline, task: Task) -> None:
        if deadline.seconds_left < SHORTEST_SECONDS:
            self._notifier.notify(EventType.SYNC, [task.event.id])
            return
        with log_context(event_id=task.event.id):
            try:
                kind = task.event.sync.kind if task.event.sync is not None else "contacts"
                self._kinds[kind](task, deadline).run()
            except LedgerUnavailable as error:
                logger.warning("sync deferred: ledger unavailable", extra={"error": str(error)})
                metrics.count("ledger_failures", account=task.account)
