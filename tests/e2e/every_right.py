"""Drives every function of a running stack through all of its AWS calls.

Most functions are invoked directly, over a ledger that is prepared so that they have something to do: what waits for an
account whose pause is just over, a message that was refused and is valid today, an event that the nightly pass has to
repair.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest

from chalicelib.config.load import load
from chalicelib.container import Container
from chalicelib.domain.backoff import Pause
from chalicelib.domain.confirmation import Confirmation
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.effects import Effects
from chalicelib.ingestion.queue_messages import accept_messages, read_message
from chalicelib.names import QueueKind
from local.sandbox import Control, sample_config
from local.sandbox.samples import sample_account
from tests.e2e.documented import DOCUMENTED
from tests.e2e.world import ADMIN_KEY, post_signed, submit
from tests.support.stack import MovableStack, SharedStack

ACCOUNTS = ("paris", "lettre", "brussel")
PROVIDERS = ("ediware", "mailpartner", "mymailmarket")
K1, K2 = "sample-address-key-in-secrets-manager-0000", "sample-address-key-in-parameter-store-0000"
LEDGER = "relais-local-ledger"
WAITED = timedelta(minutes=5)
CONFIRMED = """
[forms.confirmed]
account = "paris"
list = "4781"
confirm = "ses"
[forms.confirmed.fields]
email = "@email"

[mail]
from = "La Lettre <lettre@example.com>"
"""
ON_LIST = {"account": "paris", "list": "4781"}


CANARY = """
[accounts.nowhere]
provider = "sink"
[forms.canary]
account = "nowhere"
fields = {mail = "@email"}
"""


def configuration(sandbox: str, public_url: str) -> str:
    """The sample accounts, with keys of accounts and of addresses in both of AWS' stores."""
    text = sample_config(sandbox, PROVIDERS, public_url).replace("[webhooks.shop]", '[webhooks.shop]\ntypes = ["sync"]')
    for account, provider, kept in (
        ("paris", "ediware", "secret:relais/{stage}"),
        ("brussel", "mymailmarket", "ssm:/relais/{stage}"),
    ):
        key = sample_account(provider)["api_key"]
        assert key in text
        text = text.replace(key, f"{kept}/{account}")
    before, _, after = text.partition("address_keys = [")
    kept = '"secret:relais/{stage}/privacy#k1", "ssm:/relais/{stage}/k2"'
    return f"{before}address_keys = [{kept}{after[after.index(']') :]}{CONFIRMED}{CANARY}"


class EveryRight:
    """A stack, and the product of the same configuration in this process, which prepares the ledger."""

    def __init__(self, stack: MovableStack, config: Path) -> None:
        self.stack = stack
        for name, value in (("paris", sample_account("ediware")["api_key"]), ("privacy", json.dumps({"k1": K1}))):
            boto3.client("secretsmanager").create_secret(Name=f"relais/local/{name}", SecretString=value)
        for name, value in (("brussel", sample_account("mymailmarket")["api_key"]), ("k2", K2)):
            boto3.client("ssm").put_parameter(Name=f"/relais/local/{name}", Value=value, Type="SecureString")
        boto3.client("ses").verify_email_identity(EmailAddress="lettre@example.com")
        self.product = Container(load(config, {}), "local", Effects(clock=lambda: stack.now() - WAITED))
        """The product in this process, over the stack's AWS: what it stores has waited for five minutes."""

    def run(self) -> None:
        """Drive every function."""
        self.first_call()
        self.http()
        for kind in get_args(QueueKind):
            self.worker(kind)
        self.operators()
        self.people()
        self.schedules()

    def invoke(self, function: str, event: Any = None) -> Any:
        """The function's result."""
        code, result = self.stack.invoke(function, event)
        assert code == 0, (function, result)
        return result

    def first_call(self) -> None:
        """A function that only reads writes when it is the first to see an address key."""
        key = {"pk": {"S": "S#privacy"}, "sk": {"S": "keys"}}
        self.stack.aws.dynamodb.delete_item(TableName=LEDGER, Key=key)
        self.invoke("export_person", {"email": "first@example.com"})

    def http(self) -> None:
        """Every queue gets something, every kind of page is read."""
        stack = self.stack
        signup = submit(stack, "signup", {"email": "http@example.com"}).json["id"]
        assert submit(stack, "unsubscribe", {"email": "left@example.com"}).status == 202
        self._post({"type": "sync", "kind": "contacts", **ON_LIST, "contacts": [{"email": "sync@example.com"}]})
        stack.settle()
        self.invoke("collect_stats")  # so that there are campaigns
        campaign = self.read("/stats/campaigns")["campaigns"][0]
        for path in (
            f"/events/{signup}",
            f"/stats/campaigns?account={campaign['account']}",
            f"/stats/campaigns/{campaign['account']}/{campaign['campaign']}",
            "/stats/forms",
        ):
            self.read(path)

    def read(self, path: str) -> Any:
        """What the administrator gets."""
        answer = self.stack.request("GET", path, headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status == 200, path
        return answer.json

    def _post(self, event: dict[str, Any]) -> None:
        """As a back end."""
        assert post_signed(self.stack, {**event, "id": "from-a-back-end"}).status == 202

    def worker(self, kind: QueueKind) -> None:
        """Whatever comes by whichever queue: any of them may bring events of any type."""
        first = self.pause_with_waiting()
        self.work(kind, {"event_ids": [first.id]})  # ends the pause, and announces the rest
        elsewhere = self.stored(EventType.SIGNUP, form="footer", accounts=("brussel",), list=None)
        self.work(kind, {"event_ids": [elsewhere.id]})  # moves to the account that the form has now
        until = self.stack.now() + timedelta(hours=1)
        unconfirmed = self.stored(EventType.SIGNUP, form="confirmed", list=None, confirmation=Confirmation(until, "fr"))
        self.work(kind, {"event_ids": [unconfirmed.id]})  # asks for a confirmation
        everywhere = {"type": "unsubscribe", "email": f"{kind}@example.com"}
        self.work(kind, "no JSON", {"type": "signup", "email": f"new-{kind}@example.com", **ON_LIST}, everywhere)

    def work(self, kind: QueueKind, *bodies: Any) -> None:
        """One batch of a queue."""
        assert self.invoke(kind, {"Records": [self.record(body) for body in bodies]}) == {"batchItemFailures": []}

    def record(self, body: Any) -> dict[str, Any]:
        """A message as Lambda hands it over."""
        return {
            "messageId": str(uuid.uuid4()),
            "body": body if isinstance(body, str) else json.dumps({"id": str(uuid.uuid4()), **body}),
            "attributes": {"SentTimestamp": str(epoch_milliseconds(self.stack.now()))},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }

    def stored(self, type: EventType, **changes: Any) -> Event:
        """An event that is stored and not announced."""
        now, id = self.product.effects.clock(), str(uuid.uuid4())
        values = {"accounts": ("paris",), "occurred_at": now, "accepted_at": now, **changes}
        event = Event(id=id, type=type, email="" if type is EventType.SYNC else f"{id}@example.com", **values)
        self.product.events.store(event)
        return event

    def some_waiting(self) -> Event:
        """Store events of each type for one account; returns a signup."""
        contacts = {"type": "sync", "kind": "contacts", **ON_LIST, "contacts": [{"email": "c@example.com"}]}
        accept_messages(self.product, [read_message(self.record(contacts))], "syncs")
        self.stored(EventType.UNSUBSCRIBE)
        self.stored(EventType.SIGNUP, list="4781")
        return self.stored(EventType.SIGNUP, list="4781")

    def pause_with_waiting(self) -> Event:
        """Pause `paris` until just now, with an event of each type waiting; returns the signup."""
        self.stack.settle()
        first, now = self.some_waiting(), epoch_milliseconds(self.stack.now())
        seen = self.product.accounts.read("paris")
        pause = Pause(until=now - 1, since=now - 1000, reason="an outage", kind="later")
        assert self.product.accounts.write("paris", seen, replace(seen, pause=pause)) is not None
        return first

    def operators(self) -> None:
        """What operators call."""
        self.refuse_what_is_valid_today()
        assert self.invoke("resend", {"status": "refused"})["resent"] == 3
        assert self.invoke("resend", {"status": "refused", "id": "nobody"}) == {"resent": 0}
        self.pause_with_waiting()
        self.read("/events?status=pending")
        assert self.invoke("resume", {"account": "paris"})["enqueued"] >= 3
        lone = self.stored(EventType.UNSUBSCRIBE, accounts=ACCOUNTS, all_accounts=True)
        key = {"pk": {"S": f"E#{lone.id}"}, "sk": {"S": "E"}}
        self.stack.aws.dynamodb.delete_item(TableName=LEDGER, Key=key)  # as while it is being stored
        self.invoke("report")
        function, params, _ = next(call for call in DOCUMENTED["lettre"] if call[0] == "send")
        self.invoke("call_provider", {"account": "lettre", "function": function, "params": params, "confirm": True})
        for account, read in (("paris", "list_list"), ("brussel", "lists")):
            self.invoke("call_provider", {"account": account, "function": read})
        self.invoke("check")
        for previous in (None, "delivered"):
            assert self.invoke("canary")["previous"] == previous
            self.stack.settle()

    def refuse_what_is_valid_today(self) -> None:
        """Store a message of each type that was refused because its account was not configured."""
        settings = self.product.settings
        accounts = {name: account for name, account in settings.accounts.items() if name != "brussel"}
        forms = {name: form for name, form in settings.forms.items() if form.account != "brussel"}
        earlier = Container(replace(settings, accounts=accounts, forms=forms), "local", self.product.effects)
        target = {"account": "brussel", "list": "0616074266229"}
        bodies = (
            {"type": "signup", "email": "later@example.com", **target},
            {"type": "unsubscribe", "email": "later@example.com", "accounts": ["brussel"]},
            {"type": "sync", "kind": "contacts", **target, "contacts": [{"email": "later@example.com"}]},
        )
        accept_messages(earlier, [read_message(self.record(body)) for body in bodies], "signups")

    def people(self) -> None:
        """What concerns one person, while the account that hears of it comes back."""
        self.pause_with_waiting()
        self.invoke("forget", {"email": "http@example.com"})
        self.invoke("export_person", {"email": "sync@example.com"})

    def schedules(self) -> None:
        """What runs by itself; providers list people who have left there."""
        self.stack.settle()
        optouts = [{"email": f"left-{number}@example.com"} for number in range(2)]
        Control(self.stack.sandbox).set("mailpartner", add_optouts=optouts[:1])
        assert self.invoke("audit", {"accounts": ["lettre"], "repair": True})["accounts"]["lettre"]["repaired"]
        Control(self.stack.sandbox).set("mailpartner", add_optouts=optouts[1:])
        self.invoke("sync_unsubscribes")
        whole = self.stored(EventType.UNSUBSCRIBE, accounts=ACCOUNTS, all_accounts=True)
        self.work("unsubscribes", {"event_ids": [whole.id]})
        self.stack.aws.dynamodb.update_item(  # as if the last worker had died just before
            TableName=LEDGER,
            Key={"pk": {"S": f"E#{whole.id}"}, "sk": {"S": "E"}},
            UpdateExpression="REMOVE expires_at",
        )
        self.some_waiting()
        self.stack.forward(timedelta(days=1, minutes=5).total_seconds())
        self.stack.settle()
        self.invoke("collect_stats")
        self.invoke("sweep")


@contextmanager
def everything_driven(shared: SharedStack, folder: Path) -> Iterator[None]:
    """A stack every function of which has been driven, as far as it gets with all rights; idle afterwards."""
    config = folder / "every-right.toml"
    config.write_text(configuration(shared.sandbox, shared.http))
    stack = shared.reset(config.read_text())
    with pytest.MonkeyPatch.context() as patched, shared.observed():
        for name, value in stack.aws.environ.items():
            patched.setenv(name, value)
        patched.setattr("boto3.DEFAULT_SESSION", None)
        EveryRight(stack, config).run()
    yield
    shared.idle()
