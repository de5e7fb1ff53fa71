"""The embedded SQS: long polls, visibility, redrive, receipts, and no slower for a full queue."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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


@contextmanager
def long_poll(aws: TestAws, queue: str, seconds: int) -> Iterator[socket.socket]:
    """A connection on which a long poll waits at the server."""
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": seconds}).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-3/sqs/aws4_request, x, y\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    host, _, port = aws.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(head.encode() + body)
        for _ in range(2):  # the server has one thread: what came before these has been read once they are answered
            aws.sqs.list_queues()
        yield client


def answered(*clients: socket.socket, within: float) -> list[socket.socket]:
    """Those to which something was sent."""
    return select.select(clients, [], [], within)[0]


def test_a_long_poll_ends_with_the_first_message(aws: TestAws, queue: str) -> None:
    with long_poll(aws, queue, 20) as waiting:
        assert not answered(waiting, within=0)
        aws.sqs.send_message(QueueUrl=queue, MessageBody="at last")
        assert b"at last" in waiting.recv(65536)


def test_a_long_poll_without_messages_lasts_as_long_as_it_says(aws: TestAws, queue: str) -> None:
    """The time of the request, else that of the queue."""

    def poll(**wait: int) -> tuple[float, bool]:
        began = time.monotonic()
        answer = aws.sqs.receive_message(QueueUrl=queue, **wait)  # type: ignore[arg-type]
        return time.monotonic() - began, "Messages" in answer

    with ThreadPoolExecutor(2) as both:
        said, default = both.submit(poll, WaitTimeSeconds=1), both.submit(poll)
        at_once, found = poll(WaitTimeSeconds=0)
    assert not found and not said.result()[1] and not default.result()[1]
    assert min(said.result()[0], default.result()[0]) > max(0.9, at_once)


def test_long_polls_do_not_block_other_requests(aws: TestAws, queue: str) -> None:
    with ExitStack() as polls:
        waiting = [polls.enter_context(long_poll(aws, queue, 20)) for _ in range(8)]
        assert not answered(*waiting, within=0)
        aws.sqs.send_message(QueueUrl=queue, MessageBody="for one")
        (one,) = answered(*waiting, within=10)
        waiting.remove(one)
        assert not answered(*waiting, within=0.3)


def test_an_abandoned_long_poll_takes_no_message(aws: TestAws, queue: str) -> None:
    with long_poll(aws, queue, 20):
        pass
    aws.sqs.send_message(QueueUrl=queue, MessageBody="not for the dead")
    time.sleep(0.3)  # a poll that continues would check again within 0.15 seconds
    assert len(receive(aws, queue, wait=1)) == 1


def test_a_message_is_redelivered_and_then_moved_to_the_dead_letter_queue(aws: TestAws, queue: str) -> None:
    sent = aws.sqs.send_message(QueueUrl=queue, MessageBody="again")["MessageId"]
    first = receive(aws, queue, visibility=2)  # long enough for a slow machine to ask once more meanwhile
    assert receive(aws, queue) == []
    again = receive(aws, queue, wait=5)
    aws.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=again[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in first + again] == ["1", "2"]
    wait_for(lambda: receive(aws, queue) == [] and aws.waiting("dead") == 1)
    assert receive(aws, aws.queue_url("dead"))[0]["MessageId"] == sent


def test_receipts_delete_and_change_visibility_and_unknown_ones_are_rejected(aws: TestAws, queue: str) -> None:
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


def test_counts_distinguish_waiting_and_in_flight_messages(aws: TestAws, queue: str) -> None:
    for n in range(12):
        aws.sqs.send_message(QueueUrl=queue, MessageBody=str(n))
    receive(aws, queue)
    assert aws.waiting("queue") == 2
    assert aws.in_flight("queue") == 10


def test_a_thousand_messages_are_sent_received_once_and_deleted_concurrently(aws: TestAws, queue: str) -> None:
    """Uncured, moto takes minutes for it."""

    def send(ten: int) -> None:
        entries: Any = [{"Id": str(n), "MessageBody": str(ten * 10 + n)} for n in range(10)]
        aws.sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    def take(_: int) -> list[str]:
        messages = receive(aws, queue)
        entries: Any = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        if entries:
            aws.sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
        return [message["Body"] for message in messages]

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(send, range(100)))
        bodies = [body for some in workers.map(take, range(100)) for body in some]
    assert sorted(map(int, bodies)) == list(range(1000))
    assert aws.message_count("queue") == 0
