"""A release that normalises addresses by other rules than the ledger was written with does not start."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import NORMALISATION_VERSION
from chalicelib.domain.errors import ConfigurationError
from tests.support.product import Product


def test_a_start_with_another_version_of_normalisation_fails(product: Product) -> None:
    product.store(product.signup("a@example.com"))
    newer = NORMALISATION_VERSION + 1
    product.container.table.update(("S#privacy", "keys"), "SET normalisation = :newer", {"newer": newer})
    product.restart()
    with pytest.raises(ConfigurationError, match=rf"version {newer} .* version {NORMALISATION_VERSION};"):
        product.store(product.signup("b@example.com"))
