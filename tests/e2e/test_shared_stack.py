"""The stack shared by all tests of a process: a reset removes all state, and the test controls its time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.leases import Leases
from local.sandbox import Control
from tests.e2e.world import event, submit
from tests.support.stack import MovableStack, SharedStack, StackNotStarted
from tests.support.stack_process import ReceivedOnce
from tests.support.waiting import wait_for

QUEUE = "relais-local-signups-dlq"  # without a consumer
MINUTE, DAY = 60.0, 86_400.0


def runs(stack: MovableStack, function: str) -> int:
    """How often a function has run."""
    lines = [json.loads(line) for line in stack.logs.splitlines() if line.startswith("{")]
    return sum(line.get("message") == "done" and line.get("function") == function for line in lines)


def test_a_reset_leaves_nothing_behind(shared_stack: SharedStack) -> None:
    before = shared_stack.reset()
    url = before.aws.queue_url(QUEUE)
    before.aws.sqs.send_message(QueueUrl=url, MessageBody="left over")
    Control(before.sandbox).fault("refuse_key")
    submit(before, "signup", {"email": "left-over@example.com"})
    before.forward(DAY)
    after = shared_stack.reset()
    assert abs(after.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert after.aws.dynamodb.scan(TableName="relais-local-ledger")["Items"] == []
    assert after.aws.message_count(QUEUE) == 0
    assert after.logs == ""
    control = Control(after.sandbox)
    assert (control.calls(), control.faults()) == ([], [])
    assert "left-over@example.com" not in json.dumps(control.state())
    joined = submit(after, "signup", {"email": "zoe@example.com"})
    wait_for(lambda: event(after, joined.json["id"])["status"] == "delivered")
    shared_stack.idle()


def test_the_stack_object_of_an_earlier_test_is_unusable(shared_stack: SharedStack) -> None:
    before = shared_stack.reset()
    shared_stack.reset()
    with pytest.raises(AssertionError, match="reset"):
        before.request("GET", "/healthz")
    shared_stack.idle()


def test_a_wrong_configuration_is_reported_and_the_next_one_works(shared_stack: SharedStack) -> None:
    with pytest.raises(StackNotStarted, match="nonsense"):
        shared_stack.reset("[nonsense]\n")
    assert shared_stack.reset().request("GET", "/healthz").status == 200
    shared_stack.idle()


def test_schedules_fire_when_time_passes(running: MovableStack) -> None:
    assert runs(running, "sweep") == 0
    running.forward(MINUTE + 1)
    wait_for(lambda: runs(running, "sweep") == 1)
    assert runs(running, "collect_stats") == 0
    running.forward(60 * MINUTE)
    wait_for(lambda: (runs(running, "sweep"), runs(running, "collect_stats")) == (2, 1))


def test_queues_functions_and_providers_share_one_clock(running: MovableStack) -> None:
    url = running.aws.queue_url(QUEUE)
    running.aws.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert "Messages" not in running.aws.sqs.receive_message(QueueUrl=url)
    running.forward(601)
    [message] = running.aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=300)["Messages"]
    assert "Messages" not in running.aws.sqs.receive_message(QueueUrl=url)
    running.forward(301)
    [again] = running.aws.sqs.receive_message(QueueUrl=url)["Messages"]
    assert again["MessageId"] == message["MessageId"]
    accepted = submit(running, "signup", {"email": "zoe@example.com"}).json["id"]
    times = [event(running, accepted)["accepted_at"], Control(running.sandbox).clock()]
    assert all(abs(running.now() - datetime.fromisoformat(time)) < timedelta(seconds=60) for time in times)


class Queue:
    """A queue whose only message is always there, by another receipt each time."""

    received = 0

    def receive_message(self, **_: Any) -> Any:
        self.received += 1
        return {"Messages": [{"MessageId": "one", "ReceiptHandle": f"receipt {self.received}"}]}

    def delete_message_batch(self, **_: Any) -> Any:
        return {}

    change_message_visibility_batch = delete_message_batch


def test_a_poller_does_not_receive_a_message_in_flight_again() -> None:
    """A jump in time ends the leases of messages in flight."""
    queue = ReceivedOnce(Queue(), "signups")

    def received() -> list[str]:
        return [message["ReceiptHandle"] for message in queue.receive_message()["Messages"]]

    assert received() == ["receipt 1"]
    assert received() == []
    queue.change_message_visibility_batch(
        Entries=[{"ReceiptHandle": "receipt 1", "VisibilityTimeout": Leases.seconds}]  # renewed
    )
    assert received() == []
    queue.change_message_visibility_batch(Entries=[{"ReceiptHandle": "receipt 1", "VisibilityTimeout": 0}])
    assert received() == ["receipt 4"]
    assert queue.has_messages_in_flight()
    queue.delete_message_batch(Entries=[{"ReceiptHandle": "receipt 4"}])
    assert not queue.has_messages_in_flight()


def test_killed_workers_are_replaced(running: MovableStack) -> None:
    assert running.request("GET", "/healthz").status == 200
    assert running.kill_workers() == 1
    assert running.request("GET", "/healthz").status == 200
    assert running.kill_workers("signups") == 0
