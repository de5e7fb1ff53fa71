"""A person who has logged in at a product with an admin key."""

from __future__ import annotations

import pytest

from tests.dashboard.visitor import Person, with_admin_key
from tests.support.aws import TestAws
from tests.support.product import Product


@pytest.fixture
def product(resources: TestAws) -> Product:
    return with_admin_key(Product())


@pytest.fixture
def person(product: Product) -> Person:
    made = Person(product)
    assert made.log_in().status == 303
    return made
