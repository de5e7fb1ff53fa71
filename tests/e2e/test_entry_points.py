"""Every door × every type of event × every provider that supports it, by real HTTP and real SQS against one stack.

Which cells there are follows from what the providers declare, so a new provider is covered by itself once the sandbox
has an account for it. All cells are submitted before any of them is waited for.
"""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import pytest
from standardwebhooks.webhooks import Webhook

from chalicelib.providers import registry
from chalicelib.providers.spec import Capabilities
from local.sandbox import Control, sample_config
from tests.e2e.world import ADMIN_KEY, FORM, put_on_queue
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

Door = Literal["form", "webhook", "queue"]
Kind = Literal["signup", "unsubscribe", "contacts"]
DOORS: tuple[Door, ...] = ("form", "webhook", "queue")
KINDS: tuple[Kind, ...] = ("signup", "unsubscribe", "contacts")
SECRET = "whsec_" + b64encode(b"placeholder-of-a-back-office").decode()
QUEUE_OF = {"signup": "signups", "unsubscribe": "unsubscribes", "sync": "syncs"}


class Cell(NamedTuple):
    """One event: through which door, of which type, for which provider."""

    door: Door
    kind: Kind
    provider: str

    @property
    def email(self) -> str:
        """Whom it is about."""
        return f"{self.kind}.{self.door}.{self.provider}@example.com"


def supported(cell: Cell) -> bool:
    """Does the door take the type, and the provider it? Everybody can be told that somebody left."""
    can: Capabilities = registry.spec(cell.provider).capabilities
    if cell.kind == "unsubscribe":
        return True
    return can.signup_batch > 0 and (cell.kind, cell.door) != ("contacts", "form")


CELLS = [
    cell
    for cell in (Cell(door, kind, name) for door in DOORS for kind in KINDS for name in registry.names())
    if supported(cell)
]


@dataclass
class World:
    """The stack, and what its sample configuration has for each provider."""

    stack: MovableStack
    accounts: dict[str, str]
    """The account at each provider."""
    forms: dict[str, tuple[str, str, str]]
    """By account: a form, its list, and its field for the address."""
    ids: dict[Cell, str] = field(default_factory=dict)

    def account(self, cell: Cell) -> str:
        """The account that a cell is about."""
        return self.accounts[cell.provider]

    def delivery(self, event_id: str, account: str) -> str | None:
        """The status of an event's delivery at an account; None while a queue still has the event."""
        answer = self.stack.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status in (200, 404), answer.body
        deliveries = answer.json.get("deliveries", [])
        return next((str(one["status"]) for one in deliveries if one["account"] == account), None)

    def holds(self, cell: Cell) -> bool:
        """Does the provider hold the person at all?"""
        state = Control(self.stack.sandbox).state()["providers"][cell.provider]["accounts"]
        return f'"{cell.email}"' in json.dumps(state)

    def told(self, cell: Cell) -> bool:
        """Was the provider asked to unsubscribe the person, by whatever its call for that is?"""
        calls = Control(self.stack.sandbox).calls(provider=cell.provider)
        return any(
            call["worked"] and "unsub" in call["function"].lower() and cell.email in call["addresses"] for call in calls
        )

    def sign_up(self, door: Door, cell: Cell) -> str:
        """Sign the cell's person up; the event's id."""
        form, list_id, field_of_address = self.forms[self.account(cell)]
        if door == "form":
            return self.post_form(f"/forms/{form}/signup", {field_of_address: cell.email})
        target = {"form": form} if door == "webhook" else {"account": self.account(cell), "list": list_id}
        return self.send(door, {"type": "signup", "email": cell.email, **target}, cell)

    def unsubscribe(self, cell: Cell) -> str:
        """Have the cell's person leave; the event's id."""
        if cell.door == "form":
            form, _, field_of_address = next(iter(self.forms.values()))
            return self.post_form(f"/forms/{form}/unsubscribe", {field_of_address: cell.email})
        return self.send(
            cell.door, {"type": "unsubscribe", "email": cell.email, "accounts": [self.account(cell)]}, cell
        )

    def import_contacts(self, cell: Cell) -> str:
        """Hand the cell's person over in a contacts sync; the event's id."""
        _, list_id, _ = self.forms[self.account(cell)]
        target = {"account": self.account(cell), "list": list_id, "contacts": [{"email": cell.email}]}
        return self.send(cell.door, {"type": "sync", "kind": "contacts", **target}, cell)

    def post_form(self, path: str, fields: dict[str, str]) -> str:
        """As a browser does."""
        answer = self.stack.request("POST", path, urlencode(fields), FORM)
        assert answer.status == 202, answer.body
        return str(answer.json["id"])

    def send(self, door: Door, event: dict[str, Any], cell: Cell) -> str:
        """Signed over HTTP, or straight onto the queue."""
        event = {"id": f"{event['type']}.{'.'.join(cell)}", **event}
        if door == "queue":
            put_on_queue(self.stack.aws, QUEUE_OF[event["type"]], [event])
        else:
            data, now = json.dumps(event), self.stack.now()
            headers = {
                "content-type": "application/json",
                "webhook-id": event["id"],
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(SECRET).sign(event["id"], now, data),
            }
            answer = self.stack.request("POST", "/events", data, headers)
            assert (answer.status, answer.json["accepted"]) == (202, 1), answer.body
        return str(event["id"])


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    """Everything submitted; who is to leave has joined before where the provider has something to join."""
    config = f'{sample_config(shared_stack.sandbox, registry.names())}\n[webhooks.office]\nsecret = "{SECRET}"\n'
    config += 'types = ["signup", "unsubscribe", "sync"]\n'
    read = tomllib.loads(config)
    world = World(
        stack=shared_stack.reset(config),
        accounts={account["provider"]: name for name, account in read["accounts"].items()},
        forms={form["account"]: (name, form["list"], _address(form)) for name, form in read["forms"].items()},
    )
    _submit(world)
    yield world
    shared_stack.idle()


def _address(form: dict[str, Any]) -> str:
    return next(str(name) for name, target in form["fields"].items() if target == "@email")


def _submit(world: World) -> None:
    leaving = [cell for cell in CELLS if cell.kind == "unsubscribe" and world.account(cell) in world.forms]
    joined = {cell: world.sign_up("webhook", cell) for cell in leaving}
    for cell in CELLS:
        if cell.kind == "signup":
            world.ids[cell] = world.sign_up(cell.door, cell)
        elif cell.kind == "contacts":
            world.ids[cell] = world.import_contacts(cell)
    wait_for(
        lambda: all(world.delivery(event_id, world.account(cell)) == "delivered" for cell, event_id in joined.items()),
        60,
    )
    for cell in CELLS:
        if cell.kind == "unsubscribe":
            world.ids[cell] = world.unsubscribe(cell)


@pytest.mark.parametrize("cell", CELLS, ids=["-".join(cell) for cell in CELLS])
def test_an_event_of_every_entry_point_reaches_the_provider(world: World, cell: Cell) -> None:
    wait_for(lambda: world.delivery(world.ids[cell], world.account(cell)) == "delivered", 60)
    if cell.kind == "unsubscribe":
        assert world.told(cell)
    else:
        # A sync is delivered when the events that it makes are held; those reach the provider a moment later.
        wait_for(lambda: world.holds(cell), 60)


def test_every_provider_is_tested_with_every_entry_point() -> None:
    assert {(cell.door, cell.provider) for cell in CELLS} == {(d, name) for d in DOORS for name in registry.names()}
    assert {(cell.kind, cell.door) for cell in CELLS} >= {("signup", door) for door in DOORS}
