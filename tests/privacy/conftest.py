"""The product over a ledger in memory; `tests/ledger` and `tests/e2e` erase and export over DynamoDB."""

from __future__ import annotations

import pytest

from tests.privacy.support import new_product
from tests.support.memory import MemoryDynamo
from tests.support.reference import World


@pytest.fixture
def product() -> World:
    return new_product()


@pytest.fixture
def ledger(product: World) -> MemoryDynamo:
    """The product's own."""
    found: MemoryDynamo = product.dynamo
    return found
