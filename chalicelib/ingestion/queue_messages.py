"""Accepts the events of queue messages: stores valid ones, and keeps invalid ones so that they can be read again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..domain import strict_json
from ..domain.errors import IdConflict, InvalidEvent, LedgerUnavailable
from ..domain.events import Door, Event, KeptMessage
from ..domain.ids import refused_id
from ..domain.limits import KEPT_BODY_KB, KEPT_BODY_LEVELS
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..names import QueueKind
from ..notification.notifier import TYPE_OF
from ..observability import event_log, logger, metrics
from ..services import Services
from .accept import OTHER_CONTENT, store_same_id
from .envelopes import Unwrapped, unwrap
from .parse_event import parse_event, refused_event

ORIGINAL_ID = "relais_message_id"
ORIGINAL_SENT = "relais_sent_timestamp"
_MOST_ATTRIBUTES = 10
"""The most that SQS allows a message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS message; `data` is its JSON value if it is `readable`."""

    id: str
    sent_at: datetime
    body: str
    readable: bool
    data: Any = None
    original_id: str = ""
    """The id it had before it was moved to the dead-letter queue and back; else its own."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """As Lambda states them: `stringValue` or `binaryValue` (base64), and `dataType`."""


def read_message(record: Mapping[str, Any]) -> Message:
    """Reads a message from a record of Lambda's SQS event.

    A dead letter that was put back is read as the message that it was, so that its events have the same ids and times.
    """
    attributes: Mapping[str, Any] = record.get("messageAttributes") or {}
    original_id = attributes.get(ORIGINAL_ID, {}).get("stringValue") or record["messageId"]
    sent_at = from_epoch_milliseconds(int(record["attributes"]["SentTimestamp"]))
    stated = attributes.get(ORIGINAL_SENT, {}).get("stringValue") or ""
    if stated.isascii() and stated.isdigit() and len(stated) <= 13:
        sent_at = min(sent_at, from_epoch_milliseconds(int(stated)))
    body = record.get("body") or ""
    message = Message(record["messageId"], sent_at, body, False, None, original_id, attributes)
    try:
        return replace(message, readable=True, data=strict_json.load(body))
    except ValueError:
        return message


def dead_letter_attributes(message: Message) -> dict[str, Any] | None:
    """Returns the attributes of a message's dead-letter copy, for SendMessage: its own, original id and time.

    None if SQS does not allow so many.
    """
    sent = message.attributes.get(ORIGINAL_SENT) or {"stringValue": str(epoch_milliseconds(message.sent_at))}
    own = {
        **message.attributes,
        ORIGINAL_ID: {"stringValue": message.original_id, "dataType": "String"},
        ORIGINAL_SENT: {**sent, "dataType": "String"},
    }
    return {name: _sent_attribute(value) for name, value in own.items()} if len(own) <= _MOST_ATTRIBUTES else None


def _sent_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("binaryValue") is not None:
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value.get("stringValue")}


@dataclass(frozen=True, slots=True)
class AcceptedMessages:
    """New events of messages, ids of events stored before, and the messages that could not be stored completely."""

    new: list[Event] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Ids of messages with an event that could not be stored."""
    too_large: list[Message] = field(default_factory=list)
    """Messages with an invalid event that is too large, or nested too deeply, to keep."""


@dataclass(slots=True)
class _Arrival:
    """One event of a message, and what became of it. `event` None: it is invalid and cannot be kept."""

    message: Message
    unwrapped: Unwrapped
    index: int
    event: Event | None = None
    is_new: bool = False
    failure: LedgerUnavailable | None = None


def accept_messages(services: Services, messages: Sequence[Message], queue: QueueKind) -> AcceptedMessages:
    """Stores the events of queue messages, without a notification: the worker that read them delivers them.

    An invalid event is stored as refused with its body, under an id of its own: that of the event stays free.
    """
    if not messages:  # nearly always: most messages are notifications
        return AcceptedMessages()
    intake = _Intake(services, queue)
    arrivals = [
        _Arrival(message, unwrapped, index)
        for message in messages
        for index, unwrapped in enumerate(unwrap(message.data, message.original_id))
    ]
    by_id: dict[str, list[_Arrival]] = {}
    for arrival in arrivals:
        arrival.event = intake.event_of(arrival)
        if arrival.event is not None:
            by_id.setdefault(arrival.event.id, []).append(arrival)
    services.table.in_parallel(intake.store, by_id.values())
    accepted = _accepted(arrivals)
    event_log.accepted(accepted.new)
    return accepted


def _accepted(arrivals: Iterable[_Arrival]) -> AcceptedMessages:
    accepted, failed = AcceptedMessages(), dict[str, LedgerUnavailable]()
    too_large: dict[str, Message] = {}
    known: dict[str, None] = {}
    for arrival in arrivals:
        message = arrival.message
        if arrival.failure is not None:
            failed.setdefault(message.id, arrival.failure)
        elif arrival.event is None:
            too_large[message.id] = message
        elif arrival.is_new:
            accepted.new.append(arrival.event)
        elif arrival.event.refused is None:
            known[arrival.event.id] = None
    for message_id, error in failed.items():
        logger.error("event not stored: ledger unavailable", extra={"message_id": message_id, "error": str(error)})
        metrics.count("ledger_failures")
        accepted.failed.append(message_id)
    new = {event.id for event in accepted.new}
    accepted.known.extend(event_id for event_id in known if event_id not in new)
    accepted.too_large.extend(one for message_id, one in too_large.items() if message_id not in failed)
    return accepted


class _Intake:
    """Parses and stores the events of one batch of messages."""

    def __init__(self, services: Services, queue: QueueKind) -> None:
        self._services = services
        self._queue = queue
        self._now = services.effects.clock()

    def event_of(self, arrival: _Arrival) -> Event | None:
        """Parses an arrival's event; an invalid one as refused, None if that cannot be kept."""
        unwrapped = arrival.unwrapped
        try:
            if unwrapped.error is not None:
                raise unwrapped.error
            return parse_event(unwrapped.value, self._services.settings, door=Door.QUEUE, **self._defaults(arrival))
        except InvalidEvent as error:
            return self._refused(arrival, error)

    def store(self, same_id: Sequence[_Arrival]) -> None:
        """Stores the events of one id, of which the first counts; those with other content as refused."""
        try:
            is_new, stored = store_same_id(self._services, [one.event for one in same_id if one.event is not None])
            same_id[0].is_new = is_new
            for arrival, is_stored in zip(same_id, stored, strict=True):
                if not is_stored and not _is_kept(arrival.event):
                    arrival.event = self._refused(arrival, InvalidEvent([OTHER_CONTENT]))
                    arrival.is_new = arrival.event is not None and self._keep(arrival.event)
        except LedgerUnavailable as error:
            for arrival in same_id:
                arrival.failure = error

    def _keep(self, refused: Event) -> bool:
        try:
            return self._services.events.store(refused)
        except IdConflict:  # the same message was read before, under another configuration
            return False

    def _refused(self, arrival: _Arrival, error: InvalidEvent) -> Event | None:
        message, value = arrival.message, arrival.unwrapped.value
        event = refused_event(
            value, error, self._services.settings, default_type=TYPE_OF[self._queue], **self._defaults(arrival)
        )
        logger.warning(
            "an event on a queue is invalid",
            extra={"message_id": message.id, "event_id": event.id, "reason": str(error)},
        )
        body = _kept_text(value)
        if body is None:
            return None
        kept = KeptMessage(message.original_id, self._queue, message.sent_at, event.id, body)
        return replace(event, id=refused_id(message.original_id, arrival.index), kept=kept)

    def _defaults(self, arrival: _Arrival) -> dict[str, Any]:
        return {
            "default_id": arrival.unwrapped.default_id,
            "default_occurred_at": arrival.message.sent_at,
            "accepted_at": self._now,
        }


def accept_again(services: Services, refused: Event) -> Event | None:
    """Reads the kept body of a refused message again, under today's configuration and as of when it was sent.

    Returns its event if that is valid and was stored now. None if it is invalid still, its id was used meanwhile, or
    its body is erased or has expired. Raises LedgerUnavailable; a repetition is harmless.
    """
    kept, now = refused.kept, services.effects.clock()
    if kept is None or kept.body is None or (kept.until is not None and kept.until <= now):
        return None
    try:
        event = parse_event(
            json.loads(kept.body),
            services.settings,
            default_id=kept.event_id,
            default_occurred_at=kept.sent_at,
            accepted_at=now,
            door=Door.QUEUE,
        )
        is_new = services.events.store(event)
    except (InvalidEvent, IdConflict) as error:
        reason = str(InvalidEvent([OTHER_CONTENT]) if isinstance(error, IdConflict) else error)
        logger.info("kept message is still invalid", extra={"event_id": refused.id, "reason": reason})
        return None
    services.events.dismiss(refused, now)
    if not is_new:
        return None
    event_log.accepted([event])
    return event


def _is_kept(event: Event | None) -> bool:
    return event is not None and event.kept is not None


def _kept_text(value: Any) -> str | None:
    """Returns an event's value as the text that is kept; None if that is too large, or nested too deeply."""
    if _is_nested_deeper(value, KEPT_BODY_LEVELS):
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can state and no encoding
        text = json.dumps(value, separators=(",", ":"))
        size = len(text)
    return text if size <= KEPT_BODY_KB * 1024 else None


def _is_nested_deeper(value: Any, levels: int) -> bool:
    """Returns True if a JSON value has more than `levels` arrays and objects within each other."""
    found = [value]
    for _ in range(levels + 1):
        found = [one for one in found if isinstance(one, dict | list)]
        if not found:
            return False
        found = [inner for one in found for inner in (one.values() if isinstance(one, dict) else one)]
    return True
