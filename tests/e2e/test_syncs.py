"""Contacts from files, by real SQS and HTTP, into the sandbox's lists: counted, order kept, resumed after a kill."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from local.sandbox import Control, sample_config
from local.sandbox.mymailmarket.samples import NEWSLETTER
from tests.contract.scripted import Scripted, answer, message, stalled
from tests.e2e.world import ADMIN_KEY, Ediware, event as event_of, post_signed, put_on_queue
from tests.support.aws import TestAws
from tests.support.stack import MovableStack, SharedStack
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


def config_of(sandbox: str, host: Scripted) -> str:
    """The sample accounts, with a source for each test."""
    sources = [
        ("crm", "paris", "4782", "relais"),
        ("buro", "brussel", NEWSLETTER, "relais"),
        ("bulk", "paris", "4781", "provider"),
    ]
    return (
        sample_config(sandbox, ("ediware", "mymailmarket"))
        + WEBHOOK
        + "".join(
            SOURCE.format(name=name, url=host.url, account=account, list=list_id, fetch=fetch)
            for name, account, list_id, fetch in sources
        )
    )


@dataclass
class World:
    """A stack, the providers it speaks to, and the host of its files."""

    stack: MovableStack
    ediware: Ediware
    host: Scripted

    def serve(self, lines: list[str], encoding: str = "utf-8", *, stalls: bool = False) -> None:
        """Let the host answer with a file of these lines; if it `stalls`, the first answer stops after four fifths."""
        whole = message("\n".join(lines).encode(encoding), headers={"Content-Type": "text/csv"})
        self.host.script = [stalled(whole[: len(whole) * 4 // 5])] if stalls else []
        self.host.otherwise = lambda line: line.send(whole)

    def delivery(self, event_id: str) -> Mapping[str, Any]:
        """A sync's only delivery."""
        (found,) = event_of(self.stack, event_id)["deliveries"]
        return found  # type: ignore[no-any-return]

    def ended(self, event_id: str) -> Mapping[str, Any]:
        """A sync's delivery, once it is not pending any more."""

        def ended() -> Mapping[str, Any]:
            found = self.delivery(event_id)
            return found if found["status"] != "pending" else {}

        return self.stack.until(ended)

    def post(self, event: Mapping[str, Any]) -> None:
        """Send a signed event to the webhook route."""
        assert post_signed(self.stack, event, secret=SECRET).status == 202


@pytest.fixture
def host() -> Iterator[Scripted]:
    with Scripted(otherwise=answer(b"", 404)) as running:
        yield running


@pytest.fixture
def world(shared_stack: SharedStack, host: Scripted) -> Iterator[World]:
    stack = shared_stack.reset(config_of(shared_stack.sandbox, host))
    yield World(stack, Ediware(stack.sandbox), host)
    shared_stack.idle()


def addresses(world: World, list_id: str, column: str) -> Counter[str]:
    """How often each address is on a list of Ediware."""
    rows = world.ediware.account()["lists"][list_id]["rows"]
    return Counter(row[column] for row in rows if row[column].startswith("person"))


def test_a_file_is_imported_through_any_queue(world: World) -> None:
    """The address is in the list's own column; a bad row is reported; an unsubscribed address is not resubscribed; all
    rows are counted.
    """
    people = [f"person{number}@example.com" for number in range(300)]
    unsubscribe = {"type": "unsubscribe", "id": "left", "email": people[7], "occurred_at": "2026-01-01T00:00:00Z"}
    put_on_queue(world.stack.aws, "syncs", [unsubscribe])
    wait_for(lambda: _stored(world, "left") and event_of(world.stack, "left")["status"] == "delivered")
    before = _report(world)
    lines = ["EMAIL,PRENOM", *(f"{email},Zoé" for email in people)]
    lines[100], lines[200] = "person99 at example.com,Zoé", "person199@example.com,x,y"
    world.serve(lines, "cp1252")
    put_on_queue(
        world.stack.aws, "unsubscribes", [{"type": "sync", "id": "import", "kind": "contacts", "source": "crm"}]
    )
    wait_for(lambda: _stored(world, "import"))
    assert world.ended("import")["reason"] == "held 298, refused 2 (lines 101, 201)"
    world.stack.until(lambda: addresses(world, "4782", "EMAIL").total() >= 297)
    world.stack.until(lambda: _report(world)["pending"] == 0)
    rows = addresses(world, "4782", "EMAIL")
    assert set(rows) == set(people) - {people[7], people[99], people[199]}
    assert set(rows.values()) == {1}
    after = _report(world)
    assert {name: after[name] - before[name] for name in ("accepted", "delivered", "refused", "pending")} == {
        "accepted": 301, "delivered": 298, "refused": 3, "pending": 0,
    }  # fmt: skip
    assert world.ediware.calls("list_insert") <= 4


def test_a_file_is_imported_through_the_webhook(world: World) -> None:
    world.serve(["MailAddress;FirstName", "person1@example.com;Zoë", "nobody;x", "person2@example.com;"])
    world.post({"type": "sync", "id": "import", "kind": "contacts", "source": "buro"})
    assert world.ended("import")["reason"] == "held 2, refused 1 (line 3)"
    state = Control(world.stack.sandbox)
    world.stack.until(lambda: all(f'"person{n}@example.com"' in json.dumps(state.state()) for n in (1, 2)))


def test_a_file_is_fetched_by_the_provider(world: World) -> None:
    world.serve(["email;prenom", "person1@example.com;Zoé"])
    put_on_queue(world.stack.aws, "syncs", [{"type": "sync", "id": "import", "kind": "contacts", "source": "bulk"}])
    wait_for(lambda: _stored(world, "import"))
    assert world.ended("import")["status"] == "delivered"
    assert addresses(world, "4781", "email") == {"person1@example.com": 1}


def test_an_import_continues_after_a_killed_worker(world: World) -> None:
    people = [f"person{number}@example.com" for number in range(1000)]
    # The first worker gets 800 rows, stores a chunk of 500, and waits for the rest of the file.
    world.serve(["EMAIL;PRENOM", *(f"{email};{'x' * 200}" for email in people)], stalls=True)
    put_on_queue(world.stack.aws, "syncs", [{"type": "sync", "id": "import", "kind": "contacts", "source": "crm"}])
    wait_for(lambda: _rows_noted(world.stack.aws))
    assert world.stack.kill_workers() > 0
    assert 0 < _rows_noted(world.stack.aws) < len(people)
    assert _stored(world, "import")
    # Its worker is taken for dead after a while; then sweep, which runs every minute, finds the sync.
    assert world.ended("import")["reason"] == "held 1000, refused 0"
    world.stack.until(lambda: len(addresses(world, "4782", "EMAIL")) == len(people))
    assert set(addresses(world, "4782", "EMAIL")) == set(people)


def _rows_noted(aws: TestAws) -> int:
    """Progress of the import as recorded in the ledger."""
    key: Any = {"pk": {"S": "P#import"}, "sk": {"S": "sync"}}
    item: Any = aws.dynamodb.get_item(TableName="relais-local-ledger", Key=key, ConsistentRead=True).get("Item", {})
    return int(item.get("progress", {}).get("M", {}).get("rows", {}).get("N", "0"))


def _stored(world: World, event_id: str) -> bool:
    answered = world.stack.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    return answered.status == 200


def _report(world: World) -> dict[str, Any]:
    code, result = world.stack.invoke("report")
    assert code == 0
    return dict(result)
