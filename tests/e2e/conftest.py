"""A running stack with its sandbox, fresh for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.world import Ediware
from tests.support.stack import MovableStack, RunningStack, SharedStack


@pytest.fixture
def running(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """A stack as `make run` starts it without a configuration."""
    yield shared_stack.reset()
    shared_stack.idle()


@pytest.fixture
def ediware(running: RunningStack) -> Ediware:
    """The Ediware of the running stack's sandbox."""
    return Ediware(running.sandbox)
