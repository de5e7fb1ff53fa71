"""The product over the embedded AWS in the test's own process."""

from __future__ import annotations

import pytest

from tests.support.aws import TestAws
from tests.support.product import Product


@pytest.fixture
def aws(aws_in_process: TestAws) -> TestAws:
    """No test of this folder starts a process that needs AWS."""
    return aws_in_process


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product()
