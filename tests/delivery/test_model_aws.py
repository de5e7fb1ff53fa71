"""The same programs in memory and on each AWS: same calls, same outcomes, same items to the last attribute.

This is what lets the other tests of this folder trust `tests/support/memory.py`.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from chalicelib.domain.errors import Kind
from tests.delivery.test_model import FAULTS, PERSONS, Order
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import on_both
from tests.support.memory import MemoryDynamo
from tests.support.reference import ACCOUNTS, World, check, serial

pytestmark = pytest.mark.seconds

STEPS = 25


def live(dynamo: Any, seed: int) -> World:
    """A program of `seed` to its end over that DynamoDB."""
    chance = random.Random(seed)
    order = Order()
    order.begin(World(dynamo=dynamo))
    actions = (
        (5, lambda: order.sign_up(chance.choice(PERSONS), chance.randrange(5), chance.choice(ACCOUNTS))),
        (4, lambda: order.leave(chance.choice(PERSONS), chance.randrange(5), ACCOUNTS[chance.randrange(2) :], True)),
        (2, lambda: order.whole_on_a_queue(chance.choice(PERSONS), chance.randrange(5), chance.choice(ACCOUNTS), 2, 0)),
        (4, lambda: order.work(chance.randrange(2), some(chance))),
        (4, lambda: order.work_with_a_fault(0, some(chance), chance.randrange(15), chance.choice(sorted(FAULTS)))),
        (4, lambda: order.work_side_by_side(some(chance), some(chance), chance.randrange(15))),
        (1, lambda: order.provider_error(chance.choice(ACCOUNTS), chance.choice((Kind.LATER, Kind.UNKNOWN, None)))),
        (1, lambda: order.refuse(chance.choice(ACCOUNTS), chance.choice(PERSONS))),
        (1, lambda: order.send_again(chance.randrange(5), chance.choice(ACCOUNTS))),
        (2, lambda: order.time_passes(chance.choice((31, 130)))),
        (2, lambda: order.sweep(False)),
    )
    weights = [weight for weight, _ in actions]
    for _ in range(STEPS):
        chance.choices([action for _, action in actions], weights)[0]()
    order.teardown()
    return order.world


def some(chance: random.Random) -> list[int]:
    return [chance.randrange(6) for _ in range(3)]


def in_order(item: Any) -> dict[str, Any]:
    """The item with its sets sorted: each DynamoDB gives them in an order of its own."""
    return {name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in item.items()}


@on_both
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_memory_and_embedded_aws_give_the_same_results(
    seed: int, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial(monkeypatch)
    memory = MemoryDynamo()
    one, other = live(memory, seed), live(resources.dynamodb, seed)
    assert one.events and one.statuses() == other.statuses()
    assert [one.logged[account].log for account in ACCOUNTS] == [other.logged[account].log for account in ACCOUNTS]
    pages = resources.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    there = {(item["pk"]["S"], item["sk"]["S"]): in_order(item) for page in pages for item in page["Items"]}
    here = {(pk, sk): in_order(item) for pk, items in memory.items.items() for sk, item in items.items()}
    assert here == there
    check(other)
