"""A dead-letter copy keeps the message's attributes and its original id."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.aws import TestAws
from tests.support.product import Product

ATTRIBUTES = {
    "trace": {"stringValue": "abc", "dataType": "String", "stringListValues": [], "binaryListValues": []},
    "count": {"stringValue": "7", "dataType": "Number"},
    "raw": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), "dataType": "Binary.thing"},
}


def dead_letters(aws: TestAws) -> list[dict[str, Any]]:
    answer = aws.sqs.receive_message(
        QueueUrl=aws.queue_url("relais-local-signups-dlq"), WaitTimeSeconds=0, MessageAttributeNames=["All"]
    )
    return [dict(message) for message in answer.get("Messages", [])]


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(ATTRIBUTES, id="hostile-19"),
        {},
        {"trace": ATTRIBUTES["trace"]},
        {"raw": ATTRIBUTES["raw"]},
        {f"a{number}": ATTRIBUTES["trace"] for number in range(8)},
        {"count": ATTRIBUTES["count"]},
    ],
)
def test_hostile_case_19_a_dead_letter_keeps_attributes_and_message_id(
    product: Product, resources: TestAws, attributes: dict[str, Any]
) -> None:
    record = product.record("{not json", messageAttributes=attributes)
    assert product.receive(record) == {"batchItemFailures": []}
    (message,) = dead_letters(resources)
    found = message["MessageAttributes"]
    assert found.pop("relais_message_id")["StringValue"] == record["messageId"]
    assert found.pop("relais_sent_timestamp")["StringValue"] == record["attributes"]["SentTimestamp"]
    assert found.keys() == attributes.keys()
    for name, value in attributes.items():
        assert found[name]["DataType"] == value["dataType"]
        assert found[name].get("StringValue") == value.get("stringValue")
        assert name != "raw" or found[name]["BinaryValue"] == b"\x00\xff"


def test_a_message_without_room_for_its_id_is_left_to_sqs(product: Product, resources: TestAws) -> None:
    """SQS moves it itself after its last receive, with all attributes and its own id."""
    record = product.record("{not json", messageAttributes={f"a{n}": ATTRIBUTES["trace"] for n in range(9)})
    assert product.receive(record) == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert dead_letters(resources) == []


def test_a_dead_letter_that_comes_back_is_the_same_message(product: Product) -> None:
    event = {"type": "signup", "form": "footer", "email": "a@example.com"}
    first = product.record(event)
    product.receive(first)
    sent = first["attributes"]["SentTimestamp"]
    product.clock.forward(days=1)
    again = product.record(
        event,
        messageAttributes={
            "relais_message_id": {"stringValue": first["messageId"], "dataType": "String"},
            "relais_sent_timestamp": {"stringValue": sent, "dataType": "String"},
        },
    )
    product.receive(again)
    assert product.paris.emails == ["a@example.com"]


@pytest.mark.parametrize("sent", ["", "soon", "-5", "9" * 30, "99999999999999"])
def test_a_forged_time_of_sending_is_not_believed(product: Product, sent: str) -> None:
    record = product.record(
        {"type": "unsubscribe", "id": "out-1", "email": "a@example.com"},
        messageAttributes={"relais_sent_timestamp": {"stringValue": sent, "dataType": "String"}},
    )
    product.receive(record)
    assert product.view("out-1")["occurred_at"] == "2026-03-01T09:30:00Z"
