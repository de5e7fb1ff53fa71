"""The product over the embedded AWS."""

from __future__ import annotations

import pytest

from tests.support.aws import TestAws
from tests.support.product import Product


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product()
