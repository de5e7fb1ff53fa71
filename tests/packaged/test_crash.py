"""A packaged worker that dies in the middle of a batch: its claims expire a quarter of a minute later.

`tests/e2e` and `tests/chaos` show the same faster for the product that is not packaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.packaged.conftest import Artefact
from tests.packaged.gateway_events import event_of, scheduled
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow
PEOPLE = ("one@example.com", "two@example.com")


def test_messages_of_a_killed_worker_are_redelivered(artefact: Artefact, poll: Callable[..., None]) -> None:
    aws, worker = artefact.aws, artefact["signups"]
    url = aws.queue_url("relais-local-signups")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    deadline = worker.deadline_seconds
    worker.deadline_seconds = 15  # leases of a killed worker expire soon after that
    artefact.control.fault("timeout", function="list_insert", delay_seconds=30, times=1)
    for number, email in enumerate(PEOPLE):
        event = {"type": "signup", "id": f"event-{number}", "form": "footer", "email": email}
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    poll("signups")
    wait_for(lambda: artefact.control.faults()[0]["fired"] == 1)
    first = len(worker.events)
    worker.deadline_seconds = deadline
    worker.kill()
    wait_for(lambda: len(worker.events) > first)
    again = worker.events[first]["Records"]
    assert {record["attributes"]["ApproximateReceiveCount"] for record in again} == {"2"}
    wait_for(lambda: artefact["sweep"](scheduled()) and delivered(artefact) == {"event-0", "event-1"}, 60, 1)
    assert artefact.ediware.emails()[PEOPLE[0]] == artefact.ediware.emails()[PEOPLE[1]] == 1
    assert artefact.request(event_of("event-0"))[1]["deliveries"][0]["unknown_outcome"]
    wait_for(lambda: aws.message_count("relais-local-signups") == 0)


def delivered(artefact: Artefact) -> set[str]:
    """Which of the events are."""
    shown = [artefact.request(event_of(f"event-{number}")) for number in range(len(PEOPLE))]
    return {event["id"] for status, event in shown if status == 200 and event["status"] == "delivered"}
