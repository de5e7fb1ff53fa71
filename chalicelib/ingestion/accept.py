"""Accepts events: stores them durably, logs them, and notifies the workers that deliver them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ..domain.errors import FieldError, IdConflict, LedgerUnavailable
from ..domain.events import Event, EventType
from ..domain.reasons import NEVER_LISTED
from ..ledger.event_items import content_of
from ..observability import event_log
from ..services import Services

TIME_TO_STORE = timedelta(seconds=20)
"""API Gateway times out after 29 seconds; the difference is left for writes in progress and the notification."""
OTHER_CONTENT = FieldError("id", "was used before, with other content; ids are shared by all senders")


def accept(services: Services, event: Event) -> None:
    """Stores an event and notifies its workers, also if it was stored before: that notification may have been lost.

    Raises IdConflict, or LedgerUnavailable if the event may not be stored.
    """
    if services.events.store(event):
        event_log.accepted([event])
    notify(services, [event])


def accept_all(services: Services, events: Sequence[Event]) -> list[bool]:
    """Stores events as `store_all`, then notifies workers of those that are stored, in few messages.

    If it raises LedgerUnavailable, `sweep` notifies for those stored by then.
    """
    stored = store_all(services, events)
    notify(services, [event for event, is_stored in zip(events, stored, strict=True) if is_stored])
    return stored


def store_all(services: Services, events: Sequence[Event]) -> list[bool]:
    """Stores events concurrently and logs the new ones; returns for each whether it is stored.

    False: its id is stored with other content; of events with the same id, the first counts. Raises LedgerUnavailable
    if an event could not be stored, or not in time. Others may be stored already; repeating the call is safe.
    """
    time_limit = services.effects.clock() + TIME_TO_STORE
    new: list[Event] = []
    indexes_by_id: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        indexes_by_id.setdefault(event.id, []).append(index)

    def store(indexes: Sequence[int]) -> list[tuple[int, bool]]:
        if services.effects.clock() > time_limit:
            raise LedgerUnavailable("the ledger was too slow to store all events of the batch")
        is_new, stored = store_same_id(services, [events[index] for index in indexes])
        if is_new:
            new.append(events[indexes[0]])
        return list(zip(indexes, stored, strict=True))

    try:
        results = services.table.in_parallel(store, indexes_by_id.values())
    finally:
        event_log.accepted(new)
    stored = dict(result for group in results for result in group)
    return [stored[index] for index in range(len(events))]


def store_same_id(services: Services, events: Sequence[Event]) -> tuple[bool, list[bool]]:
    """Stores events of one id, of which the first counts, by one write whatever their number.

    Returns whether the first was new, and for each whether it is stored: False if other content is stored under the id.
    """
    first, *others = events
    try:
        is_new = services.events.store(first)
    except IdConflict as conflict:
        return False, [False, *(services.events.matches(event, conflict.content) for event in others)]
    content = content_of(first) if others else b""
    return is_new, [True, *(content_of(event) == content for event in others)]


def notify(services: Services, events: Iterable[Event]) -> None:
    """Notifies workers of stored events, except those refused as invalid.

    Those refused as trap or spam are announced only because workers count them.
    """
    ids: dict[EventType, dict[str, None]] = {}
    for event in events:
        if event.refused is None or event.refused_code in NEVER_LISTED:
            ids.setdefault(event.type, {})[event.id] = None
    for event_type, event_ids in ids.items():
        services.notifier.notify(event_type, list(event_ids))
