"""The running stack with the world's configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.world import configuration
from tests.support.stack import MovableStack, SharedStack


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """A stack for all tests of a module."""
    yield shared_stack.reset(configuration(shared_stack.sandbox))
    shared_stack.idle()
