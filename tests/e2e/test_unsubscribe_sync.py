"""An unsubscribe at one provider is propagated once to each other one; then no calls follow."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.unsubscribe_links.links import Links
from local.sandbox import Control, sample_config
from local.sandbox.mymailmarket.samples import CUSTOMERS, NEWSLETTER
from local.sandbox.samples import SAMPLE_UNSUBSCRIBE_KEY
from tests.e2e.world import event as event_of, post_signed, put_on_queue, submit
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

READS = {"unsubscribe/list", "lists", "subscribers_in_status", "session_create"}
TELLING = {
    "ediware": ("unsub_add",),
    "mailpartner": ("unsubscribe/add",),
    "mymailmarket": ("unsubscribe_by_address", "unsubscribe", "status_update"),
}
KEPT = ("E#", "A#", "S#paris", "S#lettre", "S#brussel")
ENTRIES = ("form", "link", "webhook", "queue")
PEOPLE = 12
"""Who leave at each provider."""


@dataclass
class World:
    stack: MovableStack
    control: Control

    def post(self, event: Mapping[str, Any]) -> None:
        assert post_signed(self.stack, event).status == 202

    def unsubscribe(self, entry: str, email: str) -> None:
        """Unsubscribe a person from every account through an entry point of Relais."""
        event = {"type": "unsubscribe", "id": f"{entry}.{email.partition('@')[0]}", "email": email}
        if entry == "form":
            assert submit(self.stack, "unsubscribe", {"email": email}).status == 202
        elif entry == "link":
            links = Links([Secret.plain(SAMPLE_UNSUBSCRIBE_KEY)], self.stack.http, os.urandom)
            path = links.url(email).removeprefix(self.stack.http)
            assert self.stack.request("POST", path, "List-Unsubscribe=One-Click").status == 200
        elif entry == "webhook":
            self.post(event)
        else:
            put_on_queue(self.stack.aws, "unsubscribes", [event])

    def sync(self) -> dict[str, Any]:
        code, result = self.stack.invoke("sync_unsubscribes")
        assert code == 0, result
        assert {one["error"] for one in result["accounts"].values()} == {None}
        accounts: dict[str, Any] = result["accounts"]
        return accounts

    def is_quiet(self) -> bool:
        """Is every delivery final?"""
        return not any('"due_pk"' in item for item in self.ledger())

    def unsubscribed(self) -> dict[str, set[str]]:
        """Addresses unsubscribed at each provider, from all of its lists."""
        accounts = {
            name: next(iter(one["accounts"].values())) for name, one in self.control.state()["providers"].items()
        }
        rows = [row for one in accounts["mymailmarket"]["lists"].values() for row in one["rows"]]
        staying = {row["MailAddress"] for row in rows if row["Status"] == "active"}
        return {
            "ediware": set(accounts["ediware"]["unsubscribed"]),
            "mailpartner": {row["email"] for row in accounts["mailpartner"]["optouts"]},
            "mymailmarket": {row["MailAddress"] for row in rows} - staying,
        }

    def calls_for(self, provider: str) -> Counter[str]:
        """How many unsubscribe calls a provider got for each address."""
        calls = [call for function in TELLING[provider] for call in self.control.calls(provider, function)]
        return Counter(address for call in calls for address in call["addresses"])

    def ledger(self) -> list[str]:
        """Every item about events, subscriptions and accounts, as text, without rate limits and sweep's own item."""
        pages = self.stack.aws.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
        items = [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(KEPT)]
        return sorted(json.dumps(item, sort_keys=True, default=str) for item in items)


@pytest.fixture
def world(shared_stack: SharedStack) -> Iterator[World]:
    config = sample_config(shared_stack.sandbox)
    config = config.replace("[webhooks.shop]", '[webhooks.shop]\ntypes = ["unsubscribe", "sync"]')
    yield World(shared_stack.reset(config), Control(shared_stack.sandbox))
    shared_stack.idle()


def test_three_providers_agree_after_two_runs_and_the_third_only_reads(world: World) -> None:
    people = {
        name: [f"{name}{number:02}@example.com" for number in range(PEOPLE)] for name in ("paris", "lettre", "brussel")
    }
    everybody = {email for emails in people.values() for email in emails}
    world.control.set("mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": sorted(everybody)})
    world.control.set("mymailmarket", add_subscribers={"list": CUSTOMERS, "rows": people["brussel"]})
    world.control.set("mailpartner", add_optouts=people["lettre"])
    for email in people["brussel"]:
        world.control.set(
            "mymailmarket", set_status={"MailAddress": email, "Status": "unsubscribed", "list": NEWSLETTER}
        )
    for number, email in enumerate(people["paris"]):
        world.unsubscribe(ENTRIES[number % len(ENTRIES)], email)
    wait_for(lambda: world.calls_for("ediware").total() >= PEOPLE)

    for _ in range(2):
        world.sync()
        world.stack.until(world.is_quiet)
    for provider, unsubscribed in world.unsubscribed().items():
        assert everybody <= unsubscribed, provider
    assert {email: count for email, count in world.calls_for("ediware").items() if email in everybody} == dict.fromkeys(
        everybody, 1
    )
    # The provider of the unsubscribe needs no call, except for the other lists of brussel.
    calls_for = world.calls_for("mailpartner")
    assert {email: calls_for[email] for email in everybody} == {
        email: int("lettre" not in email) for email in everybody
    }
    calls_for = world.calls_for("mymailmarket")
    assert {email: calls_for[email] for email in everybody} == dict.fromkeys(everybody, 1)

    before = world.ledger()
    world.control.forget_calls()
    assert {one["written"] for one in world.sync().values()} == {0}
    assert {call["function"] for call in world.control.calls()} <= READS
    assert world.ledger() == before


def test_a_sync_can_be_requested_by_http_and_by_queue(world: World) -> None:
    ask = {"type": "sync", "kind": "unsubscribes", "from": ["lettre"], "to": ["paris"]}
    world.control.set("mailpartner", add_optouts=["zoe@example.com"])
    world.post({**ask, "id": "by-http"})
    wait_for(lambda: event_of(world.stack, "by-http")["status"] == "delivered")
    wait_for(lambda: "zoe@example.com" in world.unsubscribed()["ediware"])
    assert "zoe@example.com" not in world.unsubscribed()["mymailmarket"]

    world.control.set("mailpartner", add_optouts=["lea@example.com"])
    put_on_queue(world.stack.aws, "signups", [{**ask, "id": "by-queue"}])
    wait_for(lambda: "lea@example.com" in world.unsubscribed()["ediware"])
    (delivery,) = event_of(world.stack, "by-queue")["deliveries"]
    assert (delivery["account"], delivery["status"]) == ("lettre", "delivered")
    assert delivery["reason"].endswith("told 1")
