"""Reads one or many events from a signed body, and checks what its webhook may send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from ..config.model import Settings, Webhook
from ..domain.errors import FieldError, InvalidEvent
from ..domain.events import Door, Event, EventType
from ..domain.ids import derived_id
from ..domain.limits import EVENTS_A_REQUEST, EVENTS_REQUEST_MB
from .bodies import JSON_TYPE, BodyError, is_coded, read_json_object
from .parse_event import parse_event
from .signatures import Signed

# The default Content-Type of curl and of Python's urllib, whatever they send.
_BY_DEFAULT = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The JSON values of the events in a body; `alone` is True if the body is one event instead of a list."""

    values: Sequence[Any]
    alone: bool


def check_size(body: bytes) -> None:
    """Checks the size of a body. Raises BodyError, 413."""
    if len(body) > EVENTS_REQUEST_MB * 1024 * 1024:
        raise BodyError(413, f"The body is larger than {EVENTS_REQUEST_MB} MB.")


def read_event_batch(headers: Mapping[str, str], body: bytes) -> EventBatch:
    """Reads the events of a body: the member `events` if present, else the whole body as one event.

    Raises:
        BodyError: 415 for an unsupported media type, 400 for invalid JSON, 422 for JSON that is no object.
        InvalidEvent: `events` is no list of 1 to `EVENTS_A_REQUEST`.
    """
    if is_coded(headers):
        raise BodyError(415, "Events must be sent without a content coding such as gzip.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not JSON_TYPE.fullmatch(media_type) and media_type != _BY_DEFAULT:
        raise BodyError(415, "The Content-Type must be application/json.")
    value = read_json_object(body, 'The body must be a JSON object: one event, or {"events": […]}.')
    events = value.get("events")
    if events is None:
        return EventBatch([value], alone=True)
    if not isinstance(events, list) or not 1 <= len(events) <= EVENTS_A_REQUEST:
        raise InvalidEvent([FieldError("events", f"must be a list of 1 to {EVENTS_A_REQUEST:,} events")])
    return EventBatch(events, alone=False)


def event_of(value: Any, index: int, signed: Signed, settings: Settings, now: datetime) -> Event:
    """Parses the `index`-th event of a signed body and checks that one of the webhooks that signed it may send it.

    An event without an id gets one derived from the webhook's name, the `webhook-id` and `index`, so that ids of two
    back ends that both count from 1 do not collide.

    Raises:
        InvalidEvent: With all field errors; no message quotes a value.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    _check_type(kind, signed.webhooks)
    event = parse_event(
        value,
        settings,
        default_id=derived_id(f"{signed.webhooks[0].name} {signed.id}", index),
        default_occurred_at=signed.at,
        accepted_at=now,
        door=Door.WEBHOOK,
    )
    _check_accounts(event, value, signed.webhooks)
    return replace(event, sender_account=next((one.account for one in signed.webhooks if one.account), None))


def _check_type(kind: Any, webhooks: Sequence[Webhook]) -> None:
    """Rejects an event of an existing type that none of the webhooks may send. Raises InvalidEvent."""
    if kind in tuple(EventType) and not any(kind in webhook.types for webhook in webhooks):
        raise InvalidEvent([FieldError("type", f"is {kind}, which this webhook may not send")])


def _check_accounts(event: Event, value: Mapping[str, Any], webhooks: Sequence[Webhook]) -> None:
    """Rejects an event that no single one of the webhooks may send to all its accounts. Raises InvalidEvent.

    Who gets a copy of a form's signup is the form's choice.
    """
    own = {account for account in event.accounts if not event.is_copy(account)}
    wanted = {*own, *(event.sync.propagate_to if event.sync else ())}
    if any(event.type in one.types and (one.accounts is None or wanted <= one.accounts) for one in webhooks):
        return
    for name in _targets(event.type):
        if value.get(name) is not None:
            raise InvalidEvent([FieldError(name, "is for an account that is not this webhook's")])
    every = " (without accounts it is for all)" if event.all_accounts else ""
    raise InvalidEvent([FieldError("accounts", f"must be accounts that this webhook may name{every}")])


def _targets(type: EventType) -> Sequence[str]:
    """Returns the members that may determine an event's account; if none is given, `accounts` or its absence does."""
    match type:
        case EventType.SIGNUP:
            return ("form", "account")
        case EventType.UNSUBSCRIBE:
            return ()
        case EventType.SYNC:
            return ("source", "account", "from", "to")
        case _:
            assert_never(type)
