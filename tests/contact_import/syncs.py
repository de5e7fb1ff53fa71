"""What tests of contacts syncs share: people, files, events and what is on a queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.events import StoredEvent
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

LIST = {"account": "paris", "list": "4781"}


def sync(**members: Any) -> dict[str, Any]:
    return {"type": "sync", "id": str(uuid.uuid4()), "kind": "contacts", **members}


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"email": f"person{number}@example.com", "prenom": f"P{number}"} for number in range(start, start + count)]


def csv_of(rows: Sequence[Mapping[str, str]], separator: str = ";") -> bytes:
    lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def serve(host: Scripted, content: bytes) -> None:
    host.otherwise = answer(content, headers={"Content-Type": "text/csv"})


def enqueued(aws: TestAws, queue: str) -> list[str]:
    """The ids of notifications on a queue, which are removed."""
    ids: list[str] = []
    url = aws.queue_url(queue)
    while messages := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            ids += json.loads(message["Body"])["event_ids"]
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return ids


def made(product: Product, aws: TestAws) -> list[StoredEvent]:
    return product.container.events.load(enqueued(aws, "relais-local-signups"))


def run(product: Product, *events: Mapping[str, Any], **options: Any) -> None:
    answered = product.work(bodies=events, queue="syncs", **options)
    assert answered == {"batchItemFailures": []}


def items(aws: TestAws) -> list[dict[str, Any]]:
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    return [item for page in pages for item in page["Items"]]


def resend(product: Product, status: str, event_id: str) -> dict[str, Any]:
    return product.container.resend({"status": status, "id": event_id}, FakeContext())
