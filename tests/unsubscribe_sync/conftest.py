"""The importer's world: three accounts over the ledger in memory."""

from __future__ import annotations

import pytest

from tests.unsubscribe_sync.world import World


@pytest.fixture
def world() -> World:
    return World()
