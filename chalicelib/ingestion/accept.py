"""Stores the events that back ends send through a queue, valid or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..clock import Clock
from ..config.model import Settings
from ..domain.errors import IdConflict, InvalidEvent
from ..domain.events import Event, EventType
from ..domain.ids import derived_id
from ..ledger.events import EventStore
from ..observability import logger
from .parse_event import INVALID, parse_event, refused_event
from .queue_intake import Message

OTHER_CONTENT = f"{INVALID}: id: is held already, with other content"


class QueueIntake:
    """Stores the events of queue messages. An invalid event is stored as refused, so that its sender can see why."""

    def __init__(
        self, settings: Settings, events: EventStore, can_sign_up: Callable[[str], bool], clock: Clock
    ) -> None:
        self._settings = settings
        self._events = events
        self._can_sign_up = can_sign_up
        self._clock = clock

    def hold(self, message: Message, default_type: EventType) -> tuple[Event, bool]:
        """Stores the event of a message; returns it, and whether it was new. Raises LedgerUnavailable.

        `default_type` is the queue's own type, for an event that states none. An event whose id is stored with other
        content is stored as refused, under an id derived from its message's.
        """
        event = self._event(message, default_type)
        try:
            new = self._events.store(event)
        except IdConflict:
            event = replace(event, id=derived_id(message.id, 1), email="", fields={}, refused=OTHER_CONTENT)
            new = self._store_refused(event)
        return event, new

    def _store_refused(self, event: Event) -> bool:
        """Stores a refused event under its message's id; False if the id is taken.

        Its content may differ if the same message was read before under another configuration.
        """
        try:
            return self._events.store(event)
        except IdConflict:
            return False

    def _event(self, message: Message, default_type: EventType) -> Event:
        own_id, now = derived_id(message.id, 0), self._clock()
        try:
            return parse_event(
                message.data,
                self._settings,
                default_id=own_id,
                default_occurred_at=message.sent_at,
                accepted_at=now,
                can_sign_up=self._can_sign_up,
            )
        except InvalidEvent as error:
            logger.warning("an event on a queue is invalid", extra={"message_id": message.id, "reason": str(error)})
            return refused_event(
                message.data,
                error,
                self._settings,
                default_type=default_type,
                default_id=own_id,
                default_occurred_at=message.sent_at,
                accepted_at=now,
            )
