"""Stores many events of one request, within the time that its sender waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..clock import Clock
from ..domain.errors import IdConflict, LedgerUnavailable
from ..domain.events import Event
from ..observability import event_log
from .events import EventStore
from .table import Table

TIME_TO_STORE = timedelta(seconds=20)
"""API Gateway times out after 29 seconds; the rest is left for the writes in progress and the notification."""


class Batches:
    """Stores events concurrently; events of the same id in their order, so that the first one counts."""

    def __init__(self, table: Table, events: EventStore, clock: Clock) -> None:
        self._table = table
        self._events = events
        self._clock = clock

    def store_all(self, events: Sequence[Event]) -> list[bool]:
        """Stores events durably; returns for each whether it is stored (False: its id has other content).

        Raises LedgerUnavailable if an event could not be stored, or not in time. Other events may be stored already;
        repeating the call with the same events is safe.
        """
        time_limit = self._clock() + TIME_TO_STORE
        new: list[Event] = []
        indexes_by_id: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            indexes_by_id.setdefault(event.id, []).append(index)

        def store(same_id: Sequence[int]) -> list[tuple[int, bool]]:
            if self._clock() > time_limit:
                raise LedgerUnavailable("the ledger was too slow to store all events of the batch")
            return [(index, self._store(events[index], new)) for index in same_id]

        try:
            results = self._table.in_parallel(store, indexes_by_id.values())
        finally:
            event_log.accepted(new)
        stored = dict(result for group in results for result in group)
        return [stored[index] for index in range(len(events))]

    def _store(self, event: Event, new: list[Event]) -> bool:
        try:
            if self._events.store(event):
                new.append(event)
        except IdConflict:
            return False
        return True
