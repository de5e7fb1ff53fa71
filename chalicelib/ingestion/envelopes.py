"""Unwraps the events of a queue message from the envelopes that services and programs put around them.

Envelopes are SNS notifications, EventBridge events, `{"events": […]}`, arrays, and JSON in a JSON text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..domain import strict_json
from ..domain.errors import FieldError, InvalidEvent
from ..domain.events import EventType
from ..domain.ids import derived_id
from ..domain.limits import ENVELOPES, EVENTS_A_MESSAGE

_TYPES = tuple(kind.value for kind in EventType)
_TOO_DEEP = InvalidEvent([FieldError("", f"is in more than {ENVELOPES} envelopes")])
_TOO_MANY = InvalidEvent([FieldError("", f"must have at most {EVENTS_A_MESSAGE:,} events")])


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """An event's JSON value; `error` is set if its envelopes exceed a limit.

    `default_id` is derived from the id of the innermost envelope that has one (else the message's) and the index in it.
    """

    value: Any
    default_id: str
    error: InvalidEvent | None = None


@dataclass(slots=True)
class _DefaultIds:
    """Derives the default ids of the events in a message, or in an envelope with an id of its own."""

    id: str
    count: int = 0

    def next_id(self) -> str:
        self.count += 1
        return derived_id(self.id, self.count - 1)


def unwrap(message: Any, message_id: str) -> list[Unwrapped]:
    """Returns the events of a message, in a stable order; only the message itself, with an error, if they are too many.

    A value that is no envelope is returned as an event, also if it is not a valid one.
    """
    found: list[Unwrapped] = []
    for one in _events(message, _DefaultIds(message_id), 0):
        found.append(one)
        if len(found) > EVENTS_A_MESSAGE:
            return [Unwrapped(message, derived_id(message_id, 0), _TOO_MANY)]
    return found


def _events(value: Any, ids: _DefaultIds, depth: int) -> Iterator[Unwrapped]:
    contents, envelope_id = _contents(value)
    if not contents:
        yield Unwrapped(value, ids.next_id())
    elif depth == ENVELOPES:
        yield Unwrapped(value, ids.next_id(), _TOO_DEEP)
    else:
        inner_ids = _DefaultIds(envelope_id) if envelope_id else ids
        for one in contents:
            yield from _events(one, inner_ids, depth + 1)


def _contents(value: Any) -> tuple[Sequence[Any], str | None]:
    """Returns the values in an envelope and its id, if any; no values for anything else or unreadable content."""
    if isinstance(value, str):
        return _json(value), None
    if isinstance(value, list):
        return value, None
    if not isinstance(value, dict) or value.get("type") in _TYPES:
        return (), None
    if value.get("Type") == "Notification" and isinstance(value.get("Message"), str):
        return _json(value["Message"]), _id(value.get("MessageId"))
    if isinstance(value.get("detail-type"), str) and value.get("detail") is not None:
        return [value["detail"]], _id(value.get("id"))
    events = value.get("events")
    return ([] if events is None else events if isinstance(events, list) else [events]), None


def _json(text: str) -> Sequence[Any]:
    try:
        return [strict_json.load(text)]
    except ValueError:
        return ()


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
