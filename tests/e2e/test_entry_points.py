"""Every entry point × every type of event × every provider that supports it, by real HTTP and real SQS on one stack.

The cells follow from the declarations of the providers, so a new provider is covered once the sandbox has an account
for it. All cells are submitted before any of them is awaited.
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

from chalicelib.providers import registry
from chalicelib.providers.spec import Capabilities
from local.sandbox import Control, sample_config
from tests.contract.provider_kits import KITS
from tests.e2e.world import ADMIN_KEY, FORM, post_signed, put_on_queue
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

Entry = Literal["form", "webhook", "queue"]
Kind = Literal["signup", "unsubscribe", "contacts"]
ENTRIES: tuple[Entry, ...] = ("form", "webhook", "queue")
KINDS: tuple[Kind, ...] = ("signup", "unsubscribe", "contacts")
SECRET = "whsec_" + b64encode(b"placeholder-of-a-back-office").decode()
QUEUE_OF = {"signup": "signups", "unsubscribe": "unsubscribes", "sync": "syncs"}


class Cell(NamedTuple):
    """One event: its entry point, its type, its provider."""

    entry: Entry
    kind: Kind
    provider: str

    @property
    def email(self) -> str:
        """The address of the event."""
        return f"{self.kind}.{self.entry}.{self.provider}@example.com"


def supported(cell: Cell) -> bool:
    """Whether the entry point accepts the type and the provider supports it. Every provider can unsubscribe."""
    can: Capabilities = registry.spec(cell.provider).capabilities
    if cell.kind == "unsubscribe":
        return True
    return can.signup_batch > 0 and (cell.kind, cell.entry) != ("contacts", "form")


CELLS = [
    cell
    for cell in (Cell(entry, kind, name) for entry in ENTRIES for kind in KINDS for name in KITS)
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

    def has_person(self, cell: Cell) -> bool:
        """Whether the provider has the person at all."""
        state = Control(self.stack.sandbox).state()["providers"][cell.provider]["accounts"]
        return f'"{cell.email}"' in json.dumps(state)

    def was_unsubscribed(self, cell: Cell) -> bool:
        """Whether the provider got an unsubscribe call for the person."""
        calls = Control(self.stack.sandbox).calls(provider=cell.provider)
        return any(
            call["worked"] and "unsub" in call["function"].lower() and cell.email in call["addresses"] for call in calls
        )

    def sign_up(self, entry: Entry, cell: Cell) -> str:
        """Sign the cell's person up; the event's id."""
        form, list_id, field_of_address = self.forms[self.account(cell)]
        if entry == "form":
            return self.post_form(f"/forms/{form}/signup", {field_of_address: cell.email})
        target = {"form": form} if entry == "webhook" else {"account": self.account(cell), "list": list_id}
        return self.send(entry, {"type": "signup", "email": cell.email, **target}, cell)

    def unsubscribe(self, cell: Cell) -> str:
        """Have the cell's person leave; the event's id."""
        if cell.entry == "form":
            form, _, field_of_address = next(iter(self.forms.values()))
            return self.post_form(f"/forms/{form}/unsubscribe", {field_of_address: cell.email})
        return self.send(
            cell.entry, {"type": "unsubscribe", "email": cell.email, "accounts": [self.account(cell)]}, cell
        )

    def import_contacts(self, cell: Cell) -> str:
        """Submit the cell's person in a contacts sync; returns the event's id."""
        _, list_id, _ = self.forms[self.account(cell)]
        target = {"account": self.account(cell), "list": list_id, "contacts": [{"email": cell.email}]}
        return self.send(cell.entry, {"type": "sync", "kind": "contacts", **target}, cell)

    def post_form(self, path: str, fields: dict[str, str]) -> str:
        """As a browser does."""
        answer = self.stack.request("POST", path, urlencode(fields), FORM)
        assert answer.status == 202, answer.body
        return str(answer.json["id"])

    def send(self, entry: Entry, event: dict[str, Any], cell: Cell) -> str:
        """Signed over HTTP, or straight onto the queue."""
        event = {"id": f"{event['type']}.{'.'.join(cell)}", **event}
        if entry == "queue":
            put_on_queue(self.stack.aws, QUEUE_OF[event["type"]], [event])
        else:
            answer = post_signed(self.stack, event, secret=SECRET)
            assert (answer.status, answer.json["accepted"]) == (202, 1), answer.body
        return str(event["id"])


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    """Everything submitted; people to be unsubscribed are signed up first where the provider has lists."""
    config = f'{sample_config(shared_stack.sandbox, KITS)}\n[webhooks.office]\nsecret = "{SECRET}"\n'
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
    unsubscribing = [cell for cell in CELLS if cell.kind == "unsubscribe" and world.account(cell) in world.forms]
    joined = {cell: world.sign_up("webhook", cell) for cell in unsubscribing}
    for cell in CELLS:
        if cell.kind == "signup":
            world.ids[cell] = world.sign_up(cell.entry, cell)
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
        assert world.was_unsubscribed(cell)
    else:
        # A sync is delivered when its events are stored; those reach the provider a moment later.
        wait_for(lambda: world.has_person(cell), 60)


def test_every_provider_is_tested_with_every_entry_point() -> None:
    assert {(cell.entry, cell.provider) for cell in CELLS} == {(d, name) for d in ENTRIES for name in KITS}
    assert {(cell.kind, cell.entry) for cell in CELLS} >= {("signup", entry) for entry in ENTRIES}
