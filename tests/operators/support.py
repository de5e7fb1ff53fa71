"""Deliveries of any status, and access to the items of the ledger and the messages on the queues."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.domain.events import Delivery, Event, Status
from chalicelib.notification.notifier import notified_ids
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product


def end(product: Product, event: Event, status: Status, account: str = "paris", **changes: Any) -> str:
    """Give a delivery of a stored event a final status; returns the event's id."""
    reason = None if status in (Status.DELIVERED, Status.SUPERSEDED) else "in the provider's words"
    delivery = Delivery(account, status, **{"attempts": 3, "reason": reason, **changes})
    assert product.container.events.finish(event, delivery, product.clock())
    return event.id


def ended(product: Product, email: str, status: Status, **changes: Any) -> str:
    """A signup in a final state; its id."""
    event = product.signup(email, **changes)
    product.store(event)
    return end(product, event, status)


def resend(product: Product, milliseconds: int = 120_000, **wanted: Any) -> dict[str, Any]:
    """What `resend` answers."""
    return product.container.resend(wanted, FakeContext(milliseconds))


def report(product: Product, milliseconds: int = 120_000) -> dict[str, Any]:
    """What `report` answers."""
    return product.container.report(FakeContext(milliseconds))


def items(aws: TestAws, event_id: str) -> dict[str, dict[str, Any]]:
    """An event's items by their sort keys, as boto3 gives them."""
    found = aws.dynamodb.query(
        TableName="relais-local-ledger",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"E#{event_id}"}},
    )
    return {item["sk"]["S"]: dict(item) for item in found["Items"]}


def enqueued(aws: TestAws, kind: str = "signups") -> list[str]:
    """The ids of notifications on a queue, sorted; the queue is empty afterwards."""
    url = aws.queue_url(f"relais-local-{kind}")
    ids: list[str] = []
    while found := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in found:
            ids += notified_ids(json.loads(message["Body"])) or []
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(ids)


def calls(product: Product) -> list[str]:
    """Returns a list to which the name of every later call of DynamoDB is added."""
    made: list[str] = []
    client = product.container._dynamodb
    client.meta.events.register("before-call.dynamodb", lambda model, **_: made.append(model.name))
    return made


def the_problem(entry: dict[str, Any]) -> tuple[str, str]:
    """The one problem of an entry, and what to do."""
    assert not entry["ok"]
    [found] = entry["problems"]
    assert found["do"]
    return found["problem"], found["do"]
