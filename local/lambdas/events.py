"""The events that Lambda's triggers pass to functions, in AWS's format."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.template_reader import ACCOUNT_ID, Function


def scheduled(function: str, at: datetime, region: str) -> dict[str, Any]:
    """Returns EventBridge's scheduled event; `at` is when it was due."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [f"arn:aws:events:{region}:{ACCOUNT_ID}:rule/{function}"],
        "detail": {},
    }


def queued(messages: Iterable[Mapping[str, Any]], queue: str, region: str) -> dict[str, Any]:
    """Returns an event source mapping's batch of `messages` as received from ReceiveMessage."""
    return {"Records": [_record(message, queue, region) for message in messages]}


def received(name: str, body: str) -> dict[str, Any]:
    """Returns a message as ReceiveMessage returns it; `name` is what its id and its receipt end with."""
    return {
        "MessageId": f"message-{name}",
        "ReceiptHandle": f"receipt-{name}",
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Attributes": {"SentTimestamp": f"{time.time() * 1000:.0f}", "ApproximateReceiveCount": "1"},
    }


def default(function: Function, now: datetime, region: str) -> dict[str, Any]:
    """Returns the event that `invoke` sends when none is given."""
    if function.schedules:
        return scheduled(function.name, now, region)
    return {"Records": []} if function.queues else {}


def _record(message: Mapping[str, Any], queue: str, region: str) -> dict[str, Any]:
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT_ID}:{queue}",
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        import base64

        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return attribute
