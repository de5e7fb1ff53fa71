"""An import from a file never resubscribes a forgotten person, whenever that was, and stores nothing about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.config.model import Source
from tests.contract.scripted import Scripted, answer
from tests.privacy.support import forget, holders, new_product
from tests.support.memory import MemoryDynamo
from tests.support.product import Product, settings
from tests.support.reference import World

pytestmark = pytest.mark.server
ZOE = "zoe@example.com"
FILE = b"email;prenom\nZoe@example.com;Zo\nmax@example.com;Max\n"
STEPS = ("sync held", "rows held", "rows delivered")


@pytest.fixture
def product() -> Iterator[World]:
    with Scripted(otherwise=answer(FILE, headers={"Content-Type": "text/csv"})) as host:
        source = Source("crm", f"{host.url}/export.csv", "paris", "4781", allow_private=True)
        yield new_product(settings=settings(sources={"crm": source}))


def step(product: Product, ledger: MemoryDynamo, name: str) -> None:
    if name == "sync held":
        body = {"type": "sync", "id": "crm", "kind": "contacts", "source": "crm"}
        product.work(bodies=(body,), queue="signups")
    elif name == "rows held":
        product.work("crm", queue="syncs")
    else:
        rows = {key.removeprefix("E#") for key in holders(ledger, "example.com") if key.startswith("E#row-")}
        product.work(*rows)


@pytest.mark.parametrize("steps_before", range(4))
def test_a_contact_is_erased_before_during_and_after_an_import(
    product: Product, ledger: MemoryDynamo, steps_before: int
) -> None:
    for name in STEPS[:steps_before]:
        step(product, ledger, name)
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1 if steps_before >= 2 else 0, "waiting": 0}
    product.clock.forward(minutes=1)
    for name in STEPS[steps_before:]:
        step(product, ledger, name)
    stored_data = ["zoe@example.com"] if steps_before == 3 else []
    assert sorted(product.paris.emails) == sorted([*stored_data, "max@example.com"])
    assert product.paris.calls[-1][0] == "unsubscribe" or steps_before < 3
    assert product.paris.unsubscribed_emails == [ZOE]
    assert holders(ledger, ZOE) == []
    assert product.delivery("crm")["reason"] == "held 2, refused 0"
    assert forget(product) == {"erased": 0, "waiting": 0}
