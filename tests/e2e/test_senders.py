"""Runs the senders of docs/senders.md as written: through failures, with a wrong secret, with a wrong event."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sandbox import SAMPLE_WEBHOOK_SECRET
from local.template import build
from local.template_reader import describe
from tests.contract.scripted import Line, Received, Reply, Scripted, answer, message
from tests.e2e.copied import Document, Program, environment, run
from tests.e2e.world import ADMIN_KEY, Ediware, event
from tests.support import rights
from tests.support.aws import REGION
from tests.support.required_tools import need
from tests.support.stack import MovableStack
from tests.support.waiting import wait_for

PAGE = Document("senders.md")
OVER_HTTP = ("Python", "PHP", "Node", "curl")
ACCEPTED = re.compile(r'accepted: 3 of 3$|\{"accepted": 3,')
_numbers = itertools.count()


@pytest.fixture
def people(tmp_path: Path) -> str:
    """The documented events.json, in the test's folder, with people and ids of this test: what these begin with."""
    made = run(PAGE.block("Senders to copy"), tmp_path, environment())
    assert made.returncode == 0, made.stderr
    file, mine = tmp_path / "events.json", f"t{next(_numbers)}-"
    text = file.read_text(encoding="utf-8")
    for name in ("shop-signup", "shop-unsubscribe", "zoe@", "max@", "lea@"):
        assert name in text
        text = text.replace(name, mine + name)
    file.write_text(text, encoding="utf-8")
    return mine


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    """The program under a title, in the test's folder."""
    found = PAGE.program(request.param)
    found.write(tmp_path)
    return found


@pytest.fixture
def flaky() -> Iterator[Scripted]:
    """A way to the stack on which the test makes things go wrong."""
    with Scripted() as server:
        yield server


def over_http(
    url: str, program: Program, folder: Path, secret: str = SAMPLE_WEBHOOK_SECRET
) -> subprocess.CompletedProcess[str]:
    """Run a program after the documented exports, with this URL and secret in them."""
    exports = PAGE.block("Over HTTP")
    for documented, used in (("http://127.0.0.1:8000", url), (SAMPLE_WEBHOOK_SECRET, secret)):
        assert f"={documented}\n" in exports
        exports = exports.replace(documented, used)
    return run(exports + program.command, folder, environment())


def forwarded(received: list[Received], stack: MovableStack, *, answered: bool = True) -> Reply:
    """A reply of the stack itself; not `answered`: the stack does the work, and the connection ends."""

    def play(line: Line) -> None:
        request = urllib.request.Request(stack.http + received[-1].path, received[-1].body)
        for name, value in received[-1].headers.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=35) as done:
            status, body = done.status, done.read()
        if answered:
            line.send(message(body, status))
        line.hang_up()

    return play


def delivered(stack: MovableStack, event_id: str) -> bool:
    """What waits on a queue is no event yet, and answered 404."""
    answer = stack.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status in (200, 404), answer.body
    return answer.status == 200 and answer.json["status"] == "delivered"


def arrived(stack: MovableStack, mine: str) -> None:
    """Everybody of events.json is at the provider, once, in the order of their clicks."""
    for name in ("shop-signup-1041", "shop-signup-1042", "shop-unsubscribe-77"):
        wait_for(lambda name=name: delivered(stack, mine + name))
    ediware = Ediware(stack.sandbox)
    emails = ediware.emails()
    assert (emails[f"{mine}zoe@example.com"], emails[f"{mine}max@example.com"]) == (1, 1)
    assert f"{mine}lea@example.com" in ediware.unsubscribed()
    [row] = [row for row in ediware.account()["lists"]["4781"]["rows"] if row["email"] == f"{mine}zoe@example.com"]
    assert row["prenom"] == "Zoé"
    assert event(stack, f"{mine}shop-signup-1041")["occurred_at"].startswith("2026-03-01T09:30:00")


@pytest.mark.parametrize("program", OVER_HTTP, indirect=True, ids=str.lower)
def test_a_batch_arrives_once_through_a_lost_answer_and_a_throttle(
    stack: MovableStack, flaky: Scripted, tmp_path: Path, program: Program, people: str
) -> None:
    at: list[float] = []

    def timed(reply: Reply) -> Reply:
        def play(line: Line) -> None:
            at.append(time.monotonic())
            reply(line)

        return play

    lost = forwarded(flaky.received, stack, answered=False)
    throttled = answer({"detail": "Try again in a moment."}, 429, {"Retry-After": "1"})
    flaky.script = [timed(one) for one in (lost, throttled, forwarded(flaky.received, stack))]
    done = over_http(flaky.url, program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ACCEPTED.match(done.stdout.strip()), done.stdout
    assert len(at) == 3
    assert at[2] - at[1] >= 1, "Retry-After"
    assert len({(one.headers["webhook-id"], one.body) for one in flaky.received}) == 1, "a repeat is the same request"
    arrived(stack, people)


@pytest.mark.parametrize("program", OVER_HTTP, indirect=True, ids=str.lower)
def test_what_is_not_accepted_is_shown(
    stack: MovableStack, flaky: Scripted, tmp_path: Path, program: Program, people: str
) -> None:
    file = tmp_path / "events.json"
    file.write_text(file.read_text(encoding="utf-8").replace(f"{people}max@example.com", "max@"), encoding="utf-8")
    done = over_http(stack.http, program, tmp_path)
    assert done.returncode == 1
    assert "must have something on both sides of the @" in done.stdout
    if program.language != "sh":
        said = PAGE.block("Over HTTP", "text").replace("shop-", f"{people}shop-")
        assert done.stdout == said
    wait_for(lambda: Ediware(stack.sandbox).emails()[f"{people}zoe@example.com"] == 1)

    wrong = "whsec_c29tZS1vdGhlci1zZWNyZXQtdGhhdC1ub2JvZHktaGFz"
    done = over_http(stack.http, program, tmp_path, wrong)
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "No signature in webhook-signature is right for this id, time and body." in done.stdout + done.stderr

    flaky.otherwise = answer({"detail": "Try again later."}, 429, {"Retry-After": "3600"})
    done = over_http(flaky.url, program, tmp_path)
    assert done.returncode == 1
    assert "429" in done.stderr and "Try again later." in done.stdout + done.stderr
    assert len(flaky.received) == 1, "an hour is longer than four minutes"


def by_queue(stack: MovableStack) -> str:
    """The documented environment, with the address of this stack's AWS."""
    block, documented = PAGE.block("By queue"), "http://127.0.0.1:4566"
    assert documented in block
    return block.replace(documented, stack.aws.endpoint)


def succeed(stack: MovableStack, tmp_path: Path, *commands: str) -> str:
    done = run("\n".join([by_queue(stack), *commands]), tmp_path, environment(**stack.aws.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_aws_command_line(stack: MovableStack, tmp_path: Path, people: str) -> None:
    need("aws", "the sender of the AWS command line")
    assert "MessageId" in json.loads(succeed(stack, tmp_path, PAGE.block("aws sqs")))
    arrived(stack, people)
    python = PAGE.program("Python")
    python.write(tmp_path)
    done = over_http(stack.http, python, tmp_path)
    assert ACCEPTED.match(done.stdout.strip()), "the same events by another sender"
    arrived(stack, people)


@pytest.mark.parametrize("program", ["boto3"], indirect=True)
def test_boto3(stack: MovableStack, tmp_path: Path, program: Program, people: str) -> None:
    """A wrong event is shown by its id, which stays free. The calls take the documented rights and no others."""
    file = tmp_path / "events.json"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(f"{people}max@example.com", "max@"), encoding="utf-8")
    succeed(stack, tmp_path, program.command)
    shown = wait_for(lambda: refused(stack, f"{people}shop-signup-1042"))
    assert [one["field"] for one in shown["errors"]] == ["email"]
    taken = rights_taken(stack, program, json.loads(right)["events"])
    arrived(stack, people)
    [statement] = json.loads(PAGE.block("The right to send", "json"))["Statement"]
    granted = {(action, arn) for action in statement["Action"] for arn in statement["Resource"]}
    queues = {one.name for one in describe(build("prod"), REGION).queues if not one.name.endswith("-dlq")}
    assert {arn.rpartition(":")[2] for _, arn in granted} == queues
    assert taken == {(action, arn.replace("-prod-", "-local-")) for action, arn in granted if arn.endswith("-signups")}


def rights_taken(stack: MovableStack, program: Program, events: Any) -> set[rights.Right]:
    """Run the program's `send` in this process; the rights that its calls take."""
    taken: set[rights.Right] = set()

    def note(params: Any, model: Any, context: Any, **_: Any) -> None:
        taken.update(rights.needed("sqs", model.name, context["client_region"], params))

    client = stack.aws.session.client("sqs", endpoint_url=stack.aws.endpoint)
    client.meta.events.register("before-parameter-build.sqs", note)
    names: dict[str, Any] = {"__name__": "copied"}
    exec(program.code, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELAIS_STAGE", "local")
        patch.setattr("boto3.client", lambda service: client)
        assert names["send"](events) == []
    return taken


def refused(stack: MovableStack, event_id: str) -> dict[str, Any]:
    """What the documented command shows of an event, once it is refused."""
    [command] = [line for line in PAGE.section("By queue").splitlines() if line.startswith("curl ")]
    command = command.replace("shop-signup-1042", event_id)
    key = stack.lines["admin key"]
    done = run(command, Path(), environment(RELAIS_URL=stack.http, RELAIS_ADMIN_KEY=key))
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown if shown["status"] == "refused" else {}


@pytest.mark.slow
@pytest.mark.parametrize("program", ["EventBridge"], indirect=True)
def test_a_rule_and_a_topic(stack: MovableStack, tmp_path: Path, program: Program, people: str) -> None:
    """moto plays EventBridge and SNS, with their envelopes; it checks no policy, so the policy is read."""
    need("aws", "the set-up of EventBridge and SNS")
    setup = [PAGE.block("From EventBridge and SNS"), PAGE.block("The queue's policy")]
    names = 'printf "%s\\n" "$arn" "$rule" "$topic"'
    said = succeed(stack, tmp_path, *setup, names, program.command)
    arrived(stack, people)
    arn, rule, topic = said.split()[-3:]
    url = stack.aws.sqs.get_queue_url(QueueName="relais-local-signups")["QueueUrl"]
    policy = stack.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    allowed = [
        (one["Principal"]["Service"], one["Action"], one["Resource"], one["Condition"]["ArnEquals"]["aws:SourceArn"])
        for one in json.loads(policy)["Statement"]
    ]
    assert allowed == [
        ("events.amazonaws.com", "sqs:SendMessage", arn, rule),
        ("sns.amazonaws.com", "sqs:SendMessage", arn, topic),
    ]
    assert arn.endswith(":relais-local-signups") and ":events:" in rule and ":sns:" in topic

    sns = stack.aws.client("sns")
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    for raw in ("false", "true"):
        sns.set_subscription_attributes(
            SubscriptionArn=subscription["SubscriptionArn"], AttributeName="RawMessageDelivery", AttributeValue=raw
        )
        file = tmp_path / "events.json"
        file.write_text(file.read_text(encoding="utf-8").replace(people, f"raw-{people}"), encoding="utf-8")
        people = f"raw-{people}"
        succeed(stack, tmp_path, PAGE.block("SNS"))
        arrived(stack, people)
