"""An import from a file never brings back whoever was forgotten, whenever that was, and leaves nothing about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.config.model import Source
from tests.contract.scripted import Scripted, answer
from tests.people.support import forget, holders
from tests.support.aws import TestAws
from tests.support.product import Product, settings

ZOE = "zoe@example.com"
FILE = b"email;prenom\nZoe@example.com;Zo\nmax@example.com;Max\n"
STEPS = ("sync held", "rows held", "rows delivered")


@pytest.fixture
def product(resources: TestAws) -> Iterator[Product]:
    with Scripted(otherwise=answer(FILE, headers={"Content-Type": "text/csv"})) as host:
        source = Source("crm", f"{host.url}/export.csv", "paris", "4781", allow_private=True)
        yield Product(settings(sources={"crm": source}))


def step(product: Product, aws: TestAws, name: str) -> None:
    if name == "sync held":
        body = {"type": "sync", "id": "crm", "kind": "contacts", "source": "crm"}
        product.work(bodies=(body,), queue="signups")
    elif name == "rows held":
        product.work("crm", queue="syncs")
    else:
        rows = {key.removeprefix("E#") for key in holders(aws, "example.com") if key.startswith("E#row-")}
        product.work(*rows)


@pytest.mark.parametrize("steps_before", range(4))
def test_forgotten_before_between_and_after(product: Product, resources: TestAws, steps_before: int) -> None:
    for name in STEPS[:steps_before]:
        step(product, resources, name)
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1 if steps_before >= 2 else 0, "waiting": 0}
    product.clock.forward(minutes=1)
    for name in STEPS[steps_before:]:
        step(product, resources, name)
    told = ["Zoe@example.com"] if steps_before == 3 else []
    assert sorted(product.paris.emails) == sorted([*told, "max@example.com"])
    assert product.paris.calls[-1][0] == "unsubscribe" or steps_before < 3
    assert product.paris.left == [ZOE]
    assert holders(resources, ZOE) == []
    assert product.delivery("crm")["reason"] == "held 2, refused 0"
    assert forget(product) == {"erased": 0, "waiting": 0}
