"""The DynamoDBs that the ledger is tested over: the embedded one, and the vendor's where it can be had."""

from __future__ import annotations

import pytest

BACKENDS = ("embedded", "dynamodb-local")

on_both = pytest.mark.parametrize(
    "dynamodb", [BACKENDS[0], pytest.param(BACKENDS[1], marks=pytest.mark.slow)], indirect=True
)
"""Marks a test or a module to run over each back end, with the fixture `aws` or one built on it."""


@pytest.fixture(params=[BACKENDS[0], pytest.param(BACKENDS[1], marks=pytest.mark.slow)])
def every_dynamodb(request: pytest.FixtureRequest) -> str | None:
    """The same for a folder or a module: imported as `dynamodb`, every test there that uses `aws` runs over each."""
    return None if request.param == BACKENDS[0] else request.getfixturevalue("dynamodb_local")
