"""Notifies workers of events by small queue messages. The ledger is the source of truth, so a message may be lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, assert_never

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.events import EventType
from ..domain.ids import is_valid_id
from ..names import QueueKind, queue
from ..observability import logger

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

IDS_A_MESSAGE = 250
MESSAGES_A_CALL = 7
"""This many messages of the longest ids (33 KB each) fit into the 256 KB of one call."""
EVENT_IDS = "event_ids"


def _queue_of(event_type: EventType) -> QueueKind:
    match event_type:
        case EventType.SIGNUP:
            return "signups"
        case EventType.UNSUBSCRIBE:
            return "unsubscribes"
        case EventType.SYNC:
            return "syncs"
        case _:
            assert_never(event_type)


QUEUE_OF: Mapping[EventType, QueueKind] = {event_type: _queue_of(event_type) for event_type in EventType}
TYPE_OF: Mapping[QueueKind, EventType] = {queue: event_type for event_type, queue in QUEUE_OF.items()}


def notified_ids(message: Any) -> list[str] | None:
    """Returns the event ids that a message announces; None if it is no notification. Invalid ids are left out."""
    ids = message.get(EVENT_IDS) if isinstance(message, dict) and "type" not in message else None
    if not isinstance(ids, list):
        return None
    return [event_id for event_id in ids if isinstance(event_id, str) and is_valid_id(event_id)]


class Notifier:
    """Sends notifications to the queues of one stage."""

    def __init__(self, client: SQSClient, stage: str) -> None:
        self._client = client
        self._stage = stage
        self._url = cache(self._ask_url)

    def notify(self, event_type: EventType, event_ids: Sequence[str]) -> bool:
        """Announces events to their queue. Returns False, and logs, if some or all could not be announced.

        Nothing is lost by that: `sweep` enqueues due events again.
        """
        parts = [event_ids[start : start + IDS_A_MESSAGE] for start in range(0, len(event_ids), IDS_A_MESSAGE)]
        bodies = [json.dumps({EVENT_IDS: part}, separators=(",", ":")) for part in parts]
        failed = 0
        try:
            url = self._url(QUEUE_OF[event_type])
            if len(bodies) == 1:
                self._client.send_message(QueueUrl=url, MessageBody=bodies[0])
                return True
            entries: Any = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
            for start in range(0, len(entries), MESSAGES_A_CALL):
                answer = self._client.send_message_batch(QueueUrl=url, Entries=entries[start : start + MESSAGES_A_CALL])
                failed += len(answer.get("Failed", ()))
        except (ClientError, BotoCoreError) as error:
            logger.warning(
                "queue notification failed", extra={"event_type": event_type.value, "error": type(error).__name__}
            )
            return False
        if failed:
            logger.warning(
                "queue notification failed in part", extra={"event_type": event_type.value, "failed": failed}
            )
        return not failed

    def connect(self, event_type: EventType) -> None:
        """Looks up the queue of an event type, so that the first notification need not. Raises botocore's errors."""
        self._url(QUEUE_OF[event_type])

    def backlog(self, event_type: EventType) -> int:
        """Returns about how many messages wait in the queue of an event type. Raises botocore's errors."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url(QUEUE_OF[event_type]), AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def set_aside(self, kind: QueueKind, body: str, attributes: Mapping[str, Any]) -> None:
        """Sends a message to its queue's dead-letter queue. Raises botocore's errors."""
        self._client.send_message(QueueUrl=self._url(kind, "-dlq"), MessageBody=body, MessageAttributes=attributes)

    def _ask_url(self, kind: QueueKind, suffix: str = "") -> str:
        return self._client.get_queue_url(QueueName=queue(self._stage, kind) + suffix)["QueueUrl"]
