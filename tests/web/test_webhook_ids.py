"""Ids on `POST /events`: repeated within a batch, or used by another sender before."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.ingestion.accept import accept_all
from tests.support.product import Product
from tests.web.surroundings import World
from tests.web.test_webhooks import SIGNUP, Post, post  # noqa: F401 (a fixture)


@pytest.mark.parametrize("number", [pytest.param(1000, id="hostile-6"), 2, 3, 17, 250])
@pytest.mark.parametrize("before", [False, True])
def test_hostile_case_06_many_events_of_one_id_cost_one_write(
    product: Product, monkeypatch: pytest.MonkeyPatch, number: int, before: bool
) -> None:
    events = [product.signup(f"p{index}@example.com", id="same") for index in range(number)]
    if before:
        product.store(events[1])
    writes: list[Any] = []
    store = product.container.events.store
    monkeypatch.setattr(product.container.events, "store", lambda event: writes.append(event) or store(event))
    stored = accept_all(product.container, events)
    assert stored == [index == (1 if before else 0) for index in range(number)]
    assert len(writes) == 1


@pytest.mark.usefixtures("product")
def test_equal_events_of_one_id_are_all_accepted(product: Product) -> None:
    first, other = product.signup("a@example.com", id="same"), product.signup("b@example.com", id="same")
    assert accept_all(product.container, [first, other, first, first]) == [True, False, True, True]
    assert accept_all(product.container, [other, first, other]) == [False, True, False]


@pytest.mark.parametrize("secret", ["shop", "crm", "all"])
def test_hostile_case_13_a_conflict_says_that_ids_are_shared(world: World, post: Post, secret: str) -> None:  # noqa: F811
    from tests.ingestion.test_signatures import whsec

    world.taken.add("order-1")
    event = {**SIGNUP, "id": "order-1"} if secret != "crm" else {"type": "unsubscribe", "accounts": ["lettre"]}
    event = {**event, "id": "order-1", "email": "zoe@example.com"}
    answer = post(event, secret=whsec(secret))
    assert answer.status == 409
    assert "shared by all senders" in answer.json["detail"]
    answer = post({"events": [event, {**SIGNUP, "id": "order-2"}]}, secret=whsec("all"))
    assert answer.status == 202
    assert "shared by all senders" in answer.json["rejected"][0]["errors"][0]["message"]
