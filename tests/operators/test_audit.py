"""`audit` over the three sandboxes: differences made by hand are found, reported without an address, and repaired."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config.load import load
from chalicelib.domain.ids import suppression_lift_id
from chalicelib.operators.suppressed_addresses import Hashes
from local.sandbox import Control, Sandbox, sample_config, start as start_sandbox
from local.sandbox.mymailmarket.samples import CUSTOMERS, NEWSLETTER
from tests.e2e.world import unsubscribed_at
from tests.support.aws import TestAws
from tests.support.product import START, FakeContext, Product

ALL = ("paris", "lettre", "brussel")
HASH_LENGTH = 43


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def product(resources: TestAws, sandbox: Sandbox, tmp_path: Path) -> Product:
    config = tmp_path / "relais.toml"
    config.write_text(sample_config(sandbox.url))
    return Product(load(config, os.environ), providers={})


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    return Control(sandbox.url)


def audit(product: Product, **wanted: Any) -> dict[str, Any]:
    return product.container.audit(wanted, FakeContext())


def leave(product: Product, email: str) -> str:
    (event_id,) = product.store(product.unsubscribe(email, accounts=ALL, all_accounts=True))
    product.work(event_id)
    assert product.view(event_id)["status"] == "delivered"
    return event_id


def counts(answer: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """By account: missing at the provider, missing in the ledger."""
    return {
        name: (one["missing_at_provider"]["count"], one["missing_in_ledger"]["count"])
        for name, one in answer["accounts"].items()
    }


def sweep_and_work(product: Product, resources: TestAws) -> None:
    """Deliver all pending events."""
    for stored in product.container.events.load(_ids(resources)):
        product.work(stored.event.id)


def _ids(resources: TestAws) -> list[str]:
    pages = resources.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    return sorted({item["pk"]["S"][2:] for page in pages for item in page["Items"] if item["pk"]["S"][:2] == "E#"})


def items(resources: TestAws) -> list[str]:
    pages = resources.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    found = [item for page in pages for item in page["Items"] if item["pk"]["S"][:2] in ("E#", "A#")]
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in found)


def test_differences_in_each_direction_are_found_and_repaired(
    product: Product, sandbox: Sandbox, control: Control, resources: TestAws
) -> None:
    audit(product, repair=True)  # the samples contain unsubscribes from before Relais
    sweep_and_work(product, resources)
    control.set("mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": ["zoe@example.com", "max@example.com"]})
    for email in ("zoe@example.com", "ada@example.com", "eve@example.com"):
        leave(product, email)
    assert counts(audit(product)) == {"lettre": (0, 0), "brussel": (0, 0)}

    control.set("mailpartner", remove_optouts=["ada@example.com"], add_optouts=["new@example.com"])
    control.set("mymailmarket", set_status={"MailAddress": "zoe@example.com", "Status": "active"})
    control.set("mymailmarket", set_status={"MailAddress": "max@example.com", "Status": "unsubscribed"})
    before = items(resources)
    control.forget_calls()
    found = audit(product)
    assert counts(found) == {"lettre": (1, 1), "brussel": (1, 1)}
    assert "@" not in json.dumps(found)
    for one in found["accounts"].values():
        assert one["error"] is None
        assert {len(text) for text in one["missing_at_provider"]["hashes"]} == {HASH_LENGTH}
    assert items(resources) == before, "a dry run wrote something"
    made = {call["function"] for call in control.calls()}
    assert not {name for name in made if "add" in name or "unsubscribe/?" in name or "delete" in name}, made

    repaired = audit(product, repair=True)
    assert {name: one["repaired"] for name, one in repaired["accounts"].items()} == {"lettre": 2, "brussel": 2}
    stored = _ids(resources)
    audit(product, repair=True)
    assert _ids(resources) == stored, "filed twice"
    sweep_and_work(product, resources)
    assert counts(audit(product)) == {"lettre": (0, 0), "brussel": (0, 0)}
    assert unsubscribed_at(sandbox.url, "ada@example.com")["mailpartner"]
    assert unsubscribed_at(sandbox.url, "zoe@example.com")["mymailmarket"]
    assert unsubscribed_at(sandbox.url, "new@example.com")["ediware"]
    assert unsubscribed_at(sandbox.url, "max@example.com")["mailpartner"]


def test_pending_unsubscribes_are_not_a_difference(product: Product, control: Control) -> None:
    control.set("mymailmarket", add_subscribers={"list": CUSTOMERS, "rows": ["zoe@example.com"]})
    control.fault("status", provider="mymailmarket", status=503)
    product.work(*product.store(product.unsubscribe("zoe@example.com", accounts=("brussel",))))
    control.clear_faults()
    one = audit(product, accounts=["brussel"])["accounts"]["brussel"]
    assert (one["missing_at_provider"]["count"], one["pending"]) == (0, 1)


def test_a_resubscribed_address_is_not_a_difference(product: Product, control: Control) -> None:
    lists = {"list": NEWSLETTER, "rows": ["zoe@example.com"]}, {"list": CUSTOMERS, "rows": ["zoe@example.com"]}
    for one in lists:
        control.set("mymailmarket", add_subscribers=one)
    leave(product, "zoe@example.com")
    product.clock.forward(minutes=1)
    join = product.signup("zoe@example.com", accounts=("brussel",), list=NEWSLETTER)
    product.work(*product.store(join))
    product.work(suppression_lift_id(join.id, "lettre"))
    providers = control.state()["providers"]
    rows = {
        name: next(row["Status"] for row in one["rows"] if row["MailAddress"] == "zoe@example.com")
        for name, one in providers["mymailmarket"]["accounts"]["brussel"]["lists"].items()
    }
    assert rows == {NEWSLETTER: "active", CUSTOMERS: "unsubscribed"}
    assert "zoe@example.com" not in {row["email"] for row in providers["mailpartner"]["accounts"]["lettre"]["optouts"]}
    refused = product.signup("zoe@example.com")
    product.work(*product.store(refused))
    assert "Ediware" in product.delivery(refused.id)["remedy"]
    answer = audit(product)
    assert [one["missing_at_provider"]["count"] for one in answer["accounts"].values()] == [0, 0]
    hashes = product.container.address_keys.hashes("zoe@example.com")
    assert not {*hashes} & {text for one in answer["accounts"].values() for text in one["missing_in_ledger"]["hashes"]}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [({"account": "x"}, "no key"), ({"repair": "yes"}, "true or false"), ({"accounts": ["paris"]}, "cannot be read")],
)
def test_wrong_parameters_are_rejected_with_the_right_ones(
    product: Product, wanted: dict[str, Any], words: str
) -> None:
    error = audit(product, **wanted)["error"]
    assert error["kind"] == "caller"
    assert words in error["message"]


def test_running_out_of_time_is_reported(product: Product) -> None:
    assert product.container.audit({}, FakeContext(1000))["error"]["kind"] == "later"


def test_hashes_match_the_ledger_items(product: Product) -> None:
    texts = [product.container.address_keys.hashes(f"person{number}@example.com")[0] for number in range(300)]
    hashes = Hashes(b"".join(urlsafe_b64decode(text + "=") for text in texts[:200] * 2))
    assert len(hashes) == 200
    assert {hashes.text(position) for text in texts[:200] if (position := hashes.position(text)) is not None} == {
        *texts[:200]
    }
    assert not [text for text in texts[200:] if hashes.position(text) is not None]
    assert product.clock() == START
