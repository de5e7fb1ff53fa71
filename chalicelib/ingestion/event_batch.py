"""What a back end posts: one event or many in one signed body, and what its webhook may send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from ..config.model import Settings, Webhook
from ..domain import strict_json
from ..domain.errors import FieldError, InvalidEvent
from ..domain.events import Event, EventType
from ..domain.ids import derived_id
from .bodies import BodyError
from .parse_event import parse_event
from .signatures import Signed

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_EVENTS = 1000

# The second is what curl and Python's urllib say of a body when nobody told them anything.
_JSON_TYPES = frozenset({"", "application/json", "application/x-www-form-urlencoded"})


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The JSON values of the events in a body; `alone` when the body is one event rather than a list of them."""

    values: Sequence[Any]
    alone: bool


def check_size(body: bytes) -> None:
    """Stop a body of more than 5 MB. Raises BodyError, 413."""
    if len(body) > MAX_BODY_BYTES:
        raise BodyError(413, "The body is larger than 5 MB.")


def read_event_batch(content_type: str | None, content_encoding: str | None, body: bytes) -> EventBatch:
    """The events of a body: what is under `events` if it has that member, else the whole of it.

    Raises:
        BodyError: 415 for another kind of body, 400 for one that is not JSON, 422 for JSON that is no object.
        InvalidEvent: `events` is no list of 1 to 1,000.
    """
    _check_kind(content_type or "", content_encoding or "")
    try:
        value = strict_json.load(body)
    except ValueError as error:
        raise BodyError(400, "The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise BodyError(422, 'The body must be a JSON object: one event, or {"events": […]}.')
    events = value.get("events")
    if events is None:
        return EventBatch([value], alone=True)
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidEvent([FieldError("events", f"must be a list of 1 to {MAX_EVENTS:,} events")])
    return EventBatch(events, alone=False)


def _check_kind(content_type: str, content_encoding: str) -> None:
    if content_encoding.strip().lower() not in ("", "identity"):
        raise BodyError(415, "Events must be sent without a content coding such as gzip.")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES and not media_type.endswith("+json"):
        raise BodyError(415, "The Content-Type must be application/json.")


def event_of(
    value: Any, index: int, signed: Signed, settings: Settings, now: datetime, can_sign_up: Callable[[str], bool]
) -> Event:
    """The `index`-th event of a signed body, if it is right and one of the webhooks that signed may send it.

    Without an id it gets one made of the webhook's name, the `webhook-id` and `index`, so that two back ends that both
    count from 1 do not meet. `can_sign_up(provider)` tells whether a provider takes signups.

    Raises:
        InvalidEvent: With every mistake; no message quotes a value.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    _check_type(kind, signed.webhooks)
    event = parse_event(
        value,
        settings,
        default_id=derived_id(f"{signed.webhooks[0].name} {signed.id}", index),
        default_occurred_at=signed.at,
        accepted_at=now,
        can_sign_up=can_sign_up,
    )
    _check_accounts(event, value, signed.webhooks)
    return event


def _check_type(kind: Any, webhooks: Sequence[Webhook]) -> None:
    """Stop an event of a type that exists and that none of the webhooks may send."""
    if kind in tuple(EventType) and not any(kind in webhook.types for webhook in webhooks):
        raise InvalidEvent([FieldError("type", f"is {kind}, which this webhook may not send")])


def _check_accounts(event: Event, value: Mapping[str, Any], webhooks: Sequence[Webhook]) -> None:
    """Stop an event for an account that is none of the webhook's. Of several webhooks, one alone must allow it."""
    wanted = {*event.accounts, *(event.sync.tell if event.sync else ())}
    if any(event.type in one.types and (one.accounts is None or wanted <= one.accounts) for one in webhooks):
        return
    for name in _targets(event.type):
        if value.get(name) is not None:
            raise InvalidEvent([FieldError(name, "is for an account that is not this webhook's")])
    every = " (without accounts it is for all)" if event.all_accounts else ""
    raise InvalidEvent([FieldError("accounts", f"must be accounts that this webhook may name{every}")])


def _targets(type: EventType) -> Sequence[str]:
    """The members that may say for which account an event is; none of them: `accounts`, or its absence, does."""
    match type:
        case EventType.SIGNUP:
            return ("form", "account")
        case EventType.UNSUBSCRIBE:
            return ()
        case EventType.SYNC:
            return ("source", "account", "from", "to")
        case _:
            assert_never(type)
