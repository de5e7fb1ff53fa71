"""What a delivery costs, in the units that each DynamoDB counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.delivery.deadline import Deadline
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Door
from chalicelib.domain.times import format_time
from local.aws.dynamodb.values import item_size
from local.bench.consumed import Consumed
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import on_both
from tests.support.http import request
from tests.support.product import START, FakeContext, Product

MINUTE = timedelta(minutes=1)
EVIDENCE = {"first_consent", "latest_consent", "lease_consents"}
FIELDS = {"prenom": "Zoé " * 60, "nom": "x" * 120}
FORM: dict[str, Any] = {"email": "zoe@example.com", "prenom": "Zoé"}

COUNTED = 1
"""What a batch costs besides: the counts of its day, whatever the number of its events."""
BATCH_READ = 1
"""The record of the address keys, read once a batch."""

pytestmark = on_both


@pytest.fixture
def product(resources: TestAws) -> Product:
    """An instance that has worked before: items written once in a ledger's life exist."""
    made = Product()
    made.work(*made.store(made.signup("first@example.com"), made.unsubscribe("other@example.com")))
    return made


@pytest.fixture
def consumed(product: Product) -> Consumed:
    counted = Consumed()
    counted.watch(product.container.table._client.meta.events)
    return counted


@pytest.fixture
def read_units(consumed: Consumed, dynamodb: str | None) -> Callable[[], float]:
    """Units read; DynamoDB Local does not charge for items that a batch asks for and that are not there."""
    return lambda: consumed.read_units + (consumed.nothing_read if dynamodb else 0)


def ledger_item(resources: TestAws, event_id: str) -> bytes:
    key = {"pk": {"S": f"E#{event_id}"}, "sk": {"S": "E"}}
    return json.dumps(resources.dynamodb.get_item(TableName="relais-local-ledger", Key=key)["Item"]).encode()


def test_a_signup_delivered_at_the_first_attempt_costs_five_writes(
    product: Product, consumed: Consumed, resources: TestAws
) -> None:
    event = product.signup("zoe@example.com", fields=FIELDS)
    product.store(event)
    assert (consumed.write_units, consumed.read_units) == (2, 0), "stored: the item and its index entry"
    product.work(event.id)
    assert product.delivery(event.id)["status"] == "delivered"
    assert 700 < len(ledger_item(resources, event.id)) < 1500, "as JSON, with its types: close to 1 KB in DynamoDB"
    assert consumed.write_units == 5 + COUNTED
    assert {name: calls for name, calls in consumed.calls.items() if name.startswith(("Put", "Update"))} == {
        "PutItem": 1,
        "UpdateItem": 2 + COUNTED,
    }


@pytest.mark.seconds
def test_a_signup_by_a_form_is_counted_for_one_write_unit_and_half_a_read_unit_a_batch(
    product: Product, consumed: Consumed, read_units: Callable[[], float]
) -> None:
    headers = {"content-type": "application/json"}
    answer = request(product.container, "POST", "/forms/footer/signup", headers, json.dumps(FORM))
    assert answer.status == 202
    event_id = answer.json["id"]
    product.work(event_id)
    assert consumed.write_units == 5 + COUNTED + 1
    assert (consumed.calls["Query"], read_units()) == (1, 6.5), "half a unit for what is within the limit"
    assert product.delivery(event_id)["status"] == "delivered"
    bodies = [json.dumps({"email": f"p{number}@example.com"}) for number in range(40)]
    answers = [request(product.container, "POST", "/forms/footer/signup", headers, body) for body in bodies]
    ids = [answer.json["id"] for answer in answers]
    consumed.clear()
    product.work(*ids)
    assert consumed.write_units == 3 * 40 + COUNTED + 1


def test_a_signup_by_a_queue_message_costs_the_same(
    product: Product, consumed: Consumed, read_units: Callable[[], float]
) -> None:
    body = {
        "id": "by-queue",
        "type": "signup",
        "occurred_at": format_time(product.clock()),
        "account": "paris",
        "list": "4781",
        "email": "zoe@example.com",
    }
    product.work(bodies=(body,))
    assert consumed.write_units == 5 + COUNTED
    assert (read_units(), consumed.nothing_read) == (4 + BATCH_READ, 2), (
        "an event stored just before is not loaded again"
    )
    assert product.delivery("by-queue")["status"] == "delivered"


def test_reads_for_a_notified_signup(product: Product, consumed: Consumed, read_units: Callable[[], float]) -> None:
    (event_id,) = product.store(product.signup("zoe@example.com", fields=FIELDS))
    product.work(event_id)
    assert consumed.nothing_read == 2, "states of a new address, for the account and for all accounts"
    assert read_units() == 3 + 2 + BATCH_READ, "and the event twice, and the account's state once for the batch"


LONGEST = Consent(
    source="https://www.example.com/" + "long" * 50,
    text="v" * 110,
    ip="2001:db8:1111:2222:3333:4444:5555:6666",
    at=START,
    wording_sha256="ab" * 32,
    door=Door.FORM,
)
USUAL = Consent("https://www.example.com/actualites/la-lettre", "v3", "203.0.113.9", START, "ab" * 32, Door.FORM)


def test_evidence_of_consent_costs_no_write_unit(product: Product, consumed: Consumed, resources: TestAws) -> None:
    """A first signup with everything at its longest, and three signups of a person with what is usual."""
    form = Form("footer-of-the-shop", "paris", "4781", "email", {})
    product.container.settings = replace(product.settings, forms={form.name: form})
    first = product.signup("zoe@example.com", consent=LONGEST, form=form.name, list=None, id="i" * 36)
    again = [product.signup("leo@example.com", consent=replace(USUAL, at=START + n * MINUTE)) for n in range(3)]
    for event in (first, *again):
        product.store(event)
        before = consumed.write_units
        product.work(event.id)
        by_form = event.form is not None
        assert consumed.write_units - before == 3 + COUNTED + by_form, "lease, delivered and out of the index"
    items = resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]
    sizes = {len(item.keys() & EVIDENCE): item_size(item) for item in items if item["pk"]["S"].startswith("A#")}
    assert 700 < sizes[1] < 1024 and 700 < sizes[3] < 1024, "of one signup, and of the first and the latest two"


@pytest.mark.seconds
def test_a_batch_costs_no_more_per_event(product: Product, consumed: Consumed, read_units: Callable[[], float]) -> None:
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(40)))
    product.work(*ids)
    assert consumed.write_units == 5 * 40 + COUNTED
    assert (read_units(), consumed.nothing_read) == (4 * 40 + 1 + BATCH_READ, 2 * 40)
    assert product.paris.calls[-1] == ("sign_up", 40)


def test_a_failed_attempt_costs_one_write_per_claimed_event_and_one_for_the_account(
    product: Product, consumed: Consumed
) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    stored = product.store(*(product.signup(f"p{n}@example.com") for n in range(10)))
    consumed.clear()
    product.work(*stored)
    assert {product.delivery(event_id)["status"] for event_id in stored} == {"pending"}
    state, postponed, state_released, pause = 1, 3, 1, 1
    assert consumed.write_units == 10 * (state + postponed + state_released) + pause + COUNTED, (
        "moving in the index counts twice"
    )
    consumed.clear()
    product.work(*stored)
    assert consumed.write_units == 0, "while the account is paused, nothing is written"


def test_a_refused_signup_stays_in_the_index_at_the_price_of_a_move(product: Product, consumed: Consumed) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "no such mailbox")
    (event_id,) = product.store(product.signup("zoe@example.com"))
    consumed.clear()
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "refused"
    state, counted, released, finished, moved = 1, 1, 1, 1, 2
    assert consumed.write_units == state + counted + released + finished + moved + COUNTED


@pytest.mark.seconds
def test_the_nightly_pass_reads_the_ledger_once_and_at_half_the_price(
    product: Product, consumed: Consumed, resources: TestAws
) -> None:
    product.work(*product.store(*(product.signup(f"p{n}@example.com", fields=FIELDS) for n in range(60))))
    items = resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]
    before = consumed.read_units, consumed.write_units
    context = FakeContext()
    product.container.nightly_pass.run(Deadline.of(context, product.clock))
    read, written = consumed.read_units - before[0], consumed.write_units - before[1]
    units = sum(map(item_size, items)) / 4096 / 2
    assert units <= read <= units + 3
    assert written == 3, "leased, recorded, released"
    product.clock.forward(minutes=1)
    product.container.nightly_pass.run(Deadline.of(context, product.clock))
    assert consumed.read_units - before[0] - read == 1, "for the rest of the day it asks whether it is done"
