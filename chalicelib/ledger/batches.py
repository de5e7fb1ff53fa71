"""Holding many events at once, within the time that whoever sent them will wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..clock import Clock
from ..domain.errors import IdConflict, LedgerUnavailable
from ..domain.events import Event
from ..observability import event_log
from .events import EventStore
from .table import Table

TIME_TO_HOLD = timedelta(seconds=20)
"""API Gateway hangs up after 29 seconds; what is begun by then still has to end, and be rung for."""


class Batches:
    """Holds events side by side; those of one id in their order, so that the first of them is the one that counts."""

    def __init__(self, table: Table, events: EventStore, clock: Clock) -> None:
        self._table = table
        self._events = events
        self._clock = clock

    def hold_all(self, events: Sequence[Event]) -> list[bool]:
        """Hold events for good; for each whether it is held (False: its id is held with other content).

        Raises LedgerUnavailable when one of them could not be held, or not in time; others may be held by then, and
        are found so when the same events come again.
        """
        in_time = self._clock() + TIME_TO_HOLD
        new: list[Event] = []
        places: dict[str, list[int]] = {}
        for place, event in enumerate(events):
            places.setdefault(event.id, []).append(place)

        def hold(same_id: Sequence[int]) -> list[tuple[int, bool]]:
            if self._clock() > in_time:
                raise LedgerUnavailable("the ledger was too slow to hold all of these events")
            return [(place, self._hold(events[place], new)) for place in same_id]

        try:
            results = self._table.in_parallel(hold, places.values())
        finally:
            event_log.accepted(new)
        held = dict(result for group in results for result in group)
        return [held[place] for place in range(len(events))]

    def _hold(self, event: Event, new: list[Event]) -> bool:
        try:
            if self._events.hold(event):
                new.append(event)
        except IdConflict:
            return False
        return True
