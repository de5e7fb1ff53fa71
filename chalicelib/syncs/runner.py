"""The syncs that one invocation makes, side by side, so that a slow file holds up no other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..core.events import EventType
from ..core.grouping import Task
from ..delivery.deadline import Deadline
from ..errors import LedgerUnavailable
from ..observability import bound, carried, logger, metrics
from .asked import AskedSync, Tools as AskedTools
from .attempt import Attempt
from .contacts import SHORTEST_SECONDS, ContactsSync, Tools

AT_ONCE = 4


class Syncs:
    """Makes syncs. What is not done at the end of an invocation is rung for again."""

    def __init__(self, tools: Tools, asked: AskedTools) -> None:
        self._tools = tools
        self._asked = asked

    def run(self, tasks: Sequence[Task], deadline: Deadline) -> None:
        """Those with their contacts first: they take seconds, a file may take more than one invocation."""
        in_order = sorted(tasks, key=lambda task: task.event.sync is not None and task.event.sync.source is not None)
        with ThreadPoolExecutor(min(AT_ONCE, len(in_order)), thread_name_prefix="sync") as pool:
            list(pool.map(carried(partial(self._one, deadline)), in_order))

    def _one(self, deadline: Deadline, task: Task) -> None:
        if deadline.seconds_left < SHORTEST_SECONDS:
            self._tools.doorbell.ring(EventType.SYNC, [task.event.id])
            return
        with bound(event_id=task.event.id):
            try:
                self._attempt(deadline, task).run()
            except LedgerUnavailable as error:
                logger.warning("left for a later ring", extra={"error": str(error)})
                metrics.count("ledger_failures", account=task.account)

    def _attempt(self, deadline: Deadline, task: Task) -> Attempt:
        if task.event.sync is not None and task.event.sync.kind == "unsubscribes":
            return AskedSync(self._asked, task, deadline)
        return ContactsSync(self._tools, task, deadline)
