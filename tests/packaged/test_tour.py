"""The README's tour on what would be deployed: the zip, under Lambda's own runtime client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.lambdas import events
from local.lambdas.functions import FunctionFailed
from tests.e2e.world import unsubscribed_at
from tests.packaged.conftest import Artefact
from tests.packaged.gateway_events import event_of, form, link, read, scheduled
from tests.support.aws import REGION
from tests.support.waiting import wait_for

PERSON, READER = "zoe@example.com", "reader@example.com"


def status_of(artefact: Artefact, event_id: str) -> str:
    """As shown by `GET /events/{id}`."""
    status, shown = artefact.request(event_of(event_id))
    assert status == 200, shown
    return str(shown["status"])


def test_a_signup_and_an_unsubscribe_reach_the_provider(artefact: Artefact, poll: Callable[..., None]) -> None:
    poll("signups", "unsubscribes")
    status, joined = artefact.request(form("signup", email=PERSON, prenom="Zoé"))
    assert (status, joined["status"]) == (202, "accepted")
    wait_for(lambda: artefact.ediware.emails()[PERSON] == 1)
    row = next(row for row in artefact.ediware.account()["lists"]["4781"]["rows"] if row["email"] == PERSON)
    assert row["prenom"] == "Zoé"
    wait_for(lambda: status_of(artefact, joined["id"]) == "delivered")
    status, unsubscribe = artefact.request(form("unsubscribe", email=PERSON))
    assert status == 202
    wait_for(lambda: status_of(artefact, unsubscribe["id"]) == "delivered")
    told = unsubscribed_at(artefact.packaged.sandbox.url, PERSON)
    assert told["ediware"] and told["mailpartner"]  # the third has no list that this person is on
    assert artefact.request(event_of(joined["id"], key="wrong"))[0] == 401
    queues = ("relais-local-signups", "relais-local-unsubscribes")
    wait_for(lambda: not any(artefact.aws.message_count(queue) for queue in queues))
    assert PERSON not in artefact.logs
    assert artefact.packaged.api_key not in artefact.logs


def test_an_unsubscribe_link_of_a_mail_works(artefact: Artefact, poll: Callable[..., None]) -> None:
    """Also that the zip's cryptography can be loaded: it is compiled, as nothing else of ours is."""
    poll("signups", "unsubscribes")
    assert artefact.request(form("signup", email=READER))[0] == 202
    wait_for(lambda: artefact.ediware.emails()[READER] == 1)
    row = next(row for row in artefact.ediware.account()["lists"]["4781"]["rows"] if row["email"] == READER)
    asked = artefact["api_handler"](link("GET", row["lien_desabo"]))
    assert (asked["statusCode"], "r•••@example.com" in asked["body"]) == (200, True)
    assert artefact["api_handler"](link("POST", row["lien_desabo"]))["statusCode"] == 200
    wait_for(lambda: unsubscribed_at(artefact.packaged.sandbox.url, READER)["ediware"])
    assert row["lien_desabo"].rpartition("/")[2] not in artefact.logs


def test_scheduled_functions_and_operator_functions_run(artefact: Artefact) -> None:
    first = artefact["collect_stats"](scheduled())["accounts"]
    assert {one["error"] for one in first.values()} == {None}
    assert first["paris"]["written"] == first["paris"]["read"] > 0
    assert artefact["collect_stats"](scheduled())["accounts"]["paris"]["written"] == 0
    assert artefact["sweep"](scheduled()) == {"enqueued": 0}
    call = artefact["call_provider"]
    assert "list_insert" in str(call({"account": "paris", "function": "help"})["result"])
    assert "result" in call({"account": "paris", "function": "list_list", "params": {}})
    assert artefact["report"]({})["accounts"].keys() == {"paris", "lettre", "brussel"}
    assert artefact["resend"]({"account": "paris"}) == {"resent": 0}


def test_the_description_comes_with_the_zip(artefact: Artefact) -> None:
    for path, begins in (("/openapi.json", '{"openapi":"3.1'), ("/docs", "<!doctype html>")):
        first = artefact["api_handler"](read(path))
        assert (first["statusCode"], first["body"].startswith(begins)) == (200, True)
        again = artefact["api_handler"](read(path, If_None_Match=first["headers"]["etag"]))
        assert (again["statusCode"], again["body"]) == (304, "")


def test_every_function_starts_and_logs_under_its_name(artefact: Artefact) -> None:
    for name, function in artefact.functions.items():
        described = artefact.packaged.description.function(name)
        if name == "api_handler":
            assert artefact.request(event_of("unknown"))[0] == 404
        elif described.queues:
            assert function({"Records": []}) == {"batchItemFailures": []}
        else:
            assert isinstance(function(scheduled() if described.schedules else {}), dict)
        assert '"message": "done"' in function.log
        assert f'"function": "{name}"' in function.log


def test_only_the_failed_message_is_redelivered(artefact: Artefact, poll: Callable[..., None]) -> None:
    aws, queue, worker = artefact.aws, "relais-local-signups", artefact["signups"]
    worker.events.clear()
    url = aws.queue_url(queue)
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    aws.sqs.delete_queue(QueueUrl=aws.queue_url(f"{queue}-dlq"))  # so that unreadable messages are not moved away
    whole = '{"type": "signup", "id": "whole", "form": "footer", "email": "lou@example.com"}'
    aws.sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "no JSON"}, {"Id": "1", "MessageBody": whole}]
    )
    poll("signups")
    wait_for(lambda: len(worker.events) >= 2)
    assert [sorted(bodies(event)) for event in worker.events[:2]] == [sorted(["no JSON", whole]), ["no JSON"]]
    assert artefact.ediware.emails()["lou@example.com"] == 1
    aws.create_resources()
    wait_for(lambda: aws.message_count(queue) == 0 and aws.waiting(f"{queue}-dlq") == 1)


def bodies(event: Any) -> list[str]:
    """Contents of the messages of a batch."""
    return [record["body"] for record in event["Records"]]


def test_a_failing_handler_reports_an_error_without_an_address(artefact: Artefact) -> None:
    event: Any = events.queued([], "relais-local-signups", REGION)
    record = {"messageId": "m", "body": PERSON, "attributes": None}
    with pytest.raises(FunctionFailed) as failed:
        artefact["signups"]({**event, "Records": [record, None]})
    assert failed.value.document["errorType"] != "Runtime.ExitError"
    assert PERSON not in str(failed.value.document) + artefact["signups"].log
