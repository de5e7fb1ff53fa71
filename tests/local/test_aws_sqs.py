"""The embedded SQS: long polls, visibility, redrive, receipts, and no slower for a full queue."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.aws import TestAws
from tests.support.waiting import wait_for


@pytest.fixture
def queue(aws: TestAws) -> str:
    """A queue of which a message moves on after two receives."""
    dead = aws.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    attributes: Any = {"RedrivePolicy": policy, "ReceiveMessageWaitTimeSeconds": "1"}
    return aws.sqs.create_queue(QueueName="queue", Attributes=attributes)["QueueUrl"]


def receive(aws: TestAws, queue: str, wait: int = 0, visibility: int = 30) -> list[Any]:
    answer = aws.sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=wait,
        VisibilityTimeout=visibility,
        MessageSystemAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    result = call()
    return time.monotonic() - began, result


def test_a_long_poll_ends_with_the_message_that_comes(aws: TestAws, queue: str) -> None:
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(timed, lambda: receive(aws, queue, wait=10))
        time.sleep(0.5)  # the poll is to be waiting: nothing tells that it is
        aws.sqs.send_message(QueueUrl=queue, MessageBody="at last")
        seconds, messages = waiting.result()
    assert [message["Body"] for message in messages] == ["at last"]
    assert 0.4 < seconds < 2


def test_a_long_poll_without_messages_lasts_as_long_as_it_says(aws: TestAws, queue: str) -> None:
    seconds, messages = timed(lambda: receive(aws, queue, wait=1))
    assert (messages, 0.9 < seconds < 2) == ([], True)
    seconds, answer = timed(lambda: aws.sqs.receive_message(QueueUrl=queue))
    assert ("Messages" in answer, 0.9 < seconds < 2) == (False, True)  # the queue's own default


def test_long_polls_hold_up_nobody_else(aws: TestAws, queue: str) -> None:
    with ThreadPoolExecutor(8) as others:
        polls = [others.submit(receive, aws, queue, 3) for _ in range(8)]
        seconds, _ = timed(lambda: aws.sqs.list_queues())
        assert seconds < 1
        aws.sqs.send_message(QueueUrl=queue, MessageBody="for one")
        assert sum(len(poll.result()) for poll in polls) == 1


def test_a_client_that_left_its_long_poll_takes_no_message(aws: TestAws, queue: str) -> None:
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-3/sqs/aws4_request, x, y\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    host, _, port = aws.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        time.sleep(0.3)  # the poll is to be waiting: nothing tells that it is
    aws.sqs.send_message(QueueUrl=queue, MessageBody="not for the dead")
    assert len(receive(aws, queue, wait=1)) == 1


def test_a_message_comes_back_and_then_moves_to_the_dead_letters(aws: TestAws, queue: str) -> None:
    sent = aws.sqs.send_message(QueueUrl=queue, MessageBody="again")["MessageId"]
    first = receive(aws, queue, visibility=1)
    assert receive(aws, queue) == []
    again = receive(aws, queue, wait=3, visibility=1)
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in first + again] == ["1", "2"]
    wait_for(lambda: receive(aws, queue) == [] and aws.waiting("dead") == 1, 5)
    assert receive(aws, aws.queue_url("dead"))[0]["MessageId"] == sent


def test_receipts_delete_change_visibility_and_are_refused_when_unknown(aws: TestAws, queue: str) -> None:
    for body in ("one", "two"):
        aws.sqs.send_message(QueueUrl=queue, MessageBody=body)
    one, two = sorted(receive(aws, queue), key=lambda message: str(message["Body"]))
    deletion: Any = [{"Id": "a", "ReceiptHandle": one["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "unknown"}]
    answer = aws.sqs.delete_message_batch(QueueUrl=queue, Entries=deletion)
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    assert [entry["Code"] for entry in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
    aws.sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])  # once more does no harm
    aws.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=two["ReceiptHandle"], VisibilityTimeout=0)
    assert [message["Body"] for message in receive(aws, queue, wait=1)] == ["two"]


def test_counts_say_what_waits_and_what_is_in_flight(aws: TestAws, queue: str) -> None:
    for n in range(12):
        aws.sqs.send_message(QueueUrl=queue, MessageBody=str(n))
    receive(aws, queue)
    assert aws.waiting("queue") == 2
    assert aws.in_flight("queue") == 10


def test_thousands_of_messages_are_sent_received_once_and_deleted_in_seconds(aws: TestAws, queue: str) -> None:
    def send(ten: int) -> None:
        entries: Any = [{"Id": str(n), "MessageBody": str(ten * 10 + n)} for n in range(10)]
        aws.sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    def take(_: int) -> list[str]:
        messages = receive(aws, queue)
        entries: Any = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        if entries:
            aws.sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
        return [message["Body"] for message in messages]

    def all_of_it() -> list[str]:
        with ThreadPoolExecutor(8) as workers:
            list(workers.map(send, range(300)))
            return [body for bodies in workers.map(take, range(300)) for body in bodies]

    seconds, bodies = timed(all_of_it)
    assert sorted(map(int, bodies)) == list(range(3000))
    assert seconds < 15  # about 2 seconds on two idle cores
