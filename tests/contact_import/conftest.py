"""The product over the embedded AWS, with a source at a host that the test simulates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.config.model import Source
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.product import Product, settings


@pytest.fixture
def host() -> Iterator[Scripted]:
    """The host of the source's file."""
    with Scripted(otherwise=answer(b"", 404)) as running:
        yield running


@pytest.fixture
def product(resources: TestAws, host: Scripted) -> Product:
    source = Source("crm", f"{host.url}/export.csv", "paris", "4781", allow_private=True)
    elsewhere = Source("bulk", f"{host.url}/export.csv", "paris", "4781", fetch="provider")
    return Product(settings(sources={"crm": source, "bulk": elsewhere}))
