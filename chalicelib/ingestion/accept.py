"""Accepts events: stores them durably, logs them, and notifies the workers that deliver them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..domain import strict_json
from ..domain.errors import FieldError, IdConflict, InvalidEvent, LedgerUnavailable
from ..domain.events import Event, EventType
from ..domain.ids import derived_id
from ..domain.times import from_epoch_milliseconds
from ..observability import event_log, logger, metrics
from ..services import Services
from .parse_event import INVALID, parse_event, refused_event

TIME_TO_STORE = timedelta(seconds=20)
"""API Gateway times out after 29 seconds; the rest is left for the writes in progress and the notification."""
OTHER_CONTENT = FieldError("id", "was used before, with other content")


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

    def store(index: int) -> bool:
        try:
            if services.events.store(events[index]):
                new.append(events[index])
        except IdConflict:
            return False
        return True

    def store_in_order(same_id: Sequence[int]) -> list[tuple[int, bool]]:
        if services.effects.clock() > time_limit:
            raise LedgerUnavailable("the ledger was too slow to store all events of the batch")
        return [(index, store(index)) for index in same_id]

    try:
        results = services.table.in_parallel(store_in_order, indexes_by_id.values())
    finally:
        event_log.accepted(new)
    stored = dict(result for group in results for result in group)
    return [stored[index] for index in range(len(events))]


def notify(services: Services, events: Iterable[Event]) -> None:
    """Notifies workers of stored events, except those refused on arrival."""
    ids: dict[EventType, dict[str, None]] = {}
    for event in events:
        if event.refused is None:
            ids.setdefault(event.type, {})[event.id] = None
    for verb, event_ids in ids.items():
        services.notifier.notify(verb, list(event_ids))


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS message; `data` is its JSON value if it is `readable`."""

    id: str
    sent_at: datetime
    body: str
    readable: bool
    data: Any = None


def read_message(record: Mapping[str, Any]) -> Message:
    """Reads a message from a record of Lambda's SQS event."""
    message_id, body = record["messageId"], record.get("body") or ""
    sent_at = from_epoch_milliseconds(int(record["attributes"]["SentTimestamp"]))
    try:
        return Message(message_id, sent_at, body, True, strict_json.load(body))
    except ValueError:
        return Message(message_id, sent_at, body, False)


@dataclass(frozen=True, slots=True)
class AcceptedMessages:
    """New events of messages, ids of events stored before, and ids of messages whose event could not be stored."""

    new: list[Event] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def accept_messages(services: Services, messages: Sequence[Message], default_type: EventType) -> AcceptedMessages:
    """Stores the events of queue messages, without a notification: the worker that read them delivers them.

    An invalid event is stored as refused, so that its sender can see why. `default_type` is the queue's own type, for
    an event that states none.
    """

    def store(message: Message) -> tuple[Event, bool] | LedgerUnavailable:
        try:
            return _store_message(services, message, default_type)
        except LedgerUnavailable as error:
            return error

    accepted = AcceptedMessages()
    for message, result in zip(messages, services.table.in_parallel(store, messages), strict=True):
        if isinstance(result, LedgerUnavailable):
            logger.error("event not stored: ledger unavailable", extra={"message_id": message.id, "error": str(result)})
            metrics.count("ledger_failures")
            accepted.failed.append(message.id)
            continue
        event, is_new = result
        if is_new:
            accepted.new.append(event)
        else:
            accepted.known.append(event.id)
    event_log.accepted(accepted.new)
    return accepted


def _store_message(services: Services, message: Message, default_type: EventType) -> tuple[Event, bool]:
    """Stores the event of a message; returns it, and whether it was new.

    An event whose id is stored with other content is stored as refused, under an id derived from its message's.
    """
    event = _event_of(services, message, default_type)
    try:
        return event, services.events.store(event)
    except IdConflict:
        reason = f"{INVALID}: {OTHER_CONTENT.field}: {OTHER_CONTENT.message}"
        event = replace(event, id=derived_id(message.id, 1), email="", fields={}, refused=reason)
    try:
        return event, services.events.store(event)
    except IdConflict:  # the same message was read before, under another configuration
        return event, False


def _event_of(services: Services, message: Message, default_type: EventType) -> Event:
    common: dict[str, Any] = {
        "default_id": derived_id(message.id, 0),
        "default_occurred_at": message.sent_at,
        "accepted_at": services.effects.clock(),
    }
    try:
        return parse_event(message.data, services.settings, **common)
    except InvalidEvent as error:
        logger.warning("an event on a queue is invalid", extra={"message_id": message.id, "reason": str(error)})
        return refused_event(message.data, error, services.settings, default_type=default_type, **common)
