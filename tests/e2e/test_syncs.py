"""Contacts from files, by real SQS and HTTP, into the sandbox's lists: counted, order kept, resumed after a kill."""

from __future__ import annotations

import json
import signal
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from local.aws import process
from local.sandbox import Control, Sandbox, sample_config, start as start_sandbox
from local.sandbox.mymailmarket.samples import NEWSLETTER
from tests.contract.scripted import Scripted, answer
from tests.e2e.world import ADMIN_KEY, Ediware, event as event_of, put_on_queue
from tests.support.aws import TestAws
from tests.support.stack import RunningStack, starting_stacks
from tests.support.waiting import wait_for

SECRET = "whsec_" + b64encode(b"placeholder-of-a-back-office").decode()
SOURCE = """
[sources.{name}]
url = "{url}/{name}.csv"
account = "{account}"
list = "{list}"
allow_private = true
fetch = "{fetch}"
"""
WEBHOOK = f"""
[webhooks.office]
secret = "{SECRET}"
types = ["unsubscribe", "sync"]
"""


def config_of(sandbox: Sandbox, host: Scripted) -> str:
    """The sample accounts, with a source for each test."""
    sources = [
        ("crm", "paris", "4782", "relais"),
        ("buro", "brussel", NEWSLETTER, "relais"),
        ("bulk", "paris", "4781", "provider"),
    ]
    return (
        sample_config(sandbox.url, ("ediware", "mymailmarket"))
        + WEBHOOK
        + "".join(
            SOURCE.format(name=name, url=host.url, account=account, list=list_id, fetch=fetch)
            for name, account, list_id, fetch in sources
        )
    )


@dataclass
class World:
    """A stack, the providers it speaks to, and the host of its files."""

    stack: RunningStack
    ediware: Ediware
    host: Scripted

    def serve(self, lines: list[str], encoding: str = "utf-8") -> None:
        """Let the host answer with a file of these lines."""
        self.host.otherwise = answer("\n".join(lines).encode(encoding), headers={"Content-Type": "text/csv"})

    def delivery(self, event_id: str) -> Mapping[str, Any]:
        """A sync's only delivery."""
        (found,) = event_of(self.stack, event_id)["deliveries"]
        return found  # type: ignore[no-any-return]

    def ended(self, event_id: str, seconds: float = 60) -> Mapping[str, Any]:
        """A sync's delivery, once it is not pending any more."""

        def ended() -> Mapping[str, Any]:
            found = self.delivery(event_id)
            return found if found["status"] != "pending" else {}

        return wait_for(ended, seconds, 0.3)

    def post(self, event: Mapping[str, Any]) -> None:
        """Send an event to the back ends' door, signed."""
        data, now = json.dumps(event), datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(event["id"], now, data),
        }
        assert self.stack.request("POST", "/events", data, headers).status == 202


@pytest.fixture
def host() -> Iterator[Scripted]:
    with Scripted(otherwise=answer(b"", 404)) as running:
        yield running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def world(sandbox: Sandbox, host: Scripted, tmp_path: Path) -> Iterator[World]:
    with starting_stacks(tmp_path) as start:
        yield World(start(config_of(sandbox, host)), Ediware(sandbox.url), host)


def addresses(world: World, list_id: str, column: str) -> Counter[str]:
    """How often each address stands in a list of Ediware's."""
    rows = world.ediware.account()["lists"][list_id]["rows"]
    return Counter(row[column] for row in rows if row[column].startswith("person"))


def test_a_file_through_any_queue(world: World) -> None:
    """The list's own column holds the address; a bad row is told; who left is not brought back; all is counted."""
    people = [f"person{number}@example.com" for number in range(600)]
    left = {"type": "unsubscribe", "id": "left", "email": people[7], "occurred_at": "2026-01-01T00:00:00Z"}
    put_on_queue(world.stack.aws, "syncs", [left])
    wait_for(lambda: event_of(world.stack, "left")["status"] == "delivered" if _held(world, "left") else False, 60, 0.3)
    before = _report(world)
    lines = ["EMAIL,PRENOM", *(f"{email},Zoé" for email in people)]
    lines[100], lines[200] = "person99 at example.com,Zoé", "person199@example.com"
    world.serve(lines, "cp1252")
    put_on_queue(
        world.stack.aws, "unsubscribes", [{"type": "sync", "id": "import", "kind": "contacts", "source": "crm"}]
    )
    wait_for(lambda: _held(world, "import"), 60, 0.3)
    assert world.ended("import")["reason"] == "held 598, refused 2 (lines 101, 201)"
    wait_for(lambda: addresses(world, "4782", "EMAIL").total() >= 597, 60, 0.5)
    wait_for(lambda: _report(world)["pending"] == 0, 60, 2)
    rows = addresses(world, "4782", "EMAIL")
    assert set(rows) == set(people) - {people[7], people[99], people[199]}
    assert set(rows.values()) == {1}
    after = _report(world)
    assert {name: after[name] - before[name] for name in ("accepted", "delivered", "refused", "pending")} == {
        "accepted": 601, "delivered": 598, "refused": 3, "pending": 0,
    }  # fmt: skip
    assert world.ediware.calls("list_insert") <= 6


def test_a_file_through_the_signed_door(world: World, sandbox: Sandbox) -> None:
    world.serve(["MailAddress;FirstName", "person1@example.com;Zoë", "nobody;x", "person2@example.com;"])
    world.post({"type": "sync", "id": "import", "kind": "contacts", "source": "buro"})
    assert world.ended("import")["reason"] == "held 2, refused 1 (line 3)"
    state = Control(sandbox.url)
    wait_for(lambda: all(f'"person{n}@example.com"' in json.dumps(state.state()) for n in (1, 2)), 60, 0.3)


def test_a_file_that_the_provider_fetches(world: World) -> None:
    world.serve(["email;prenom", "person1@example.com;Zoé"])
    put_on_queue(world.stack.aws, "syncs", [{"type": "sync", "id": "import", "kind": "contacts", "source": "bulk"}])
    wait_for(lambda: _held(world, "import"), 60, 0.3)
    assert world.ended("import")["status"] == "delivered"
    assert addresses(world, "4781", "email") == {"person1@example.com": 1}


def test_an_import_goes_on_after_a_kill(sandbox: Sandbox, host: Scripted, tmp_path: Path) -> None:
    people = [f"person{number}@example.com" for number in range(2000)]
    aws_process = process.start()
    aws = TestAws(aws_process.endpoint)
    try:
        with starting_stacks(tmp_path) as start:
            world = World(start(config_of(sandbox, host), aws.environ), Ediware(sandbox.url), host)
            world.serve(["email", *people])
            event = {"type": "sync", "id": "import", "kind": "contacts", "source": "crm"}
            put_on_queue(aws, "syncs", [event])
            wait_for(lambda: _rows_noted(aws), 60)
            assert _held(world, "import")
            world.stack.stop(signal.SIGKILL)
            assert _rows_noted(aws) < len(people), "it was killed too late to show anything"
            world.stack = start(config_of(sandbox, host), aws.environ)
            # Its worker is taken for dead after a while; then sweep, which runs every minute, finds the sync.
            assert world.ended("import", 300)["reason"] == "held 2000, refused 0"
            wait_for(lambda: len(addresses(world, "4782", "EMAIL")) == len(people), 300, 3)
            assert set(addresses(world, "4782", "EMAIL")) == set(people)
    finally:
        aws_process.stop()


def _rows_noted(aws: TestAws) -> int:
    """How far the ledger says that the import has come."""
    key: Any = {"pk": {"S": "P#import"}, "sk": {"S": "sync"}}
    item: Any = aws.dynamodb.get_item(TableName="relais-local-ledger", Key=key, ConsistentRead=True).get("Item", {})
    return int(item.get("progress", {}).get("M", {}).get("rows", {}).get("N", "0"))


def _held(world: World, event_id: str) -> bool:
    answered = world.stack.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    return answered.status == 200


def _report(world: World) -> dict[str, Any]:
    code, result = world.stack.invoke("report")
    assert code == 0
    return dict(result)
