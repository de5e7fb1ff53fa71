"""A running stack with its sandbox, fresh for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import Ediware
from tests.support.stack import RunningStack, starting_stacks


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningStack]:
    """A stack as `make run` starts it without a configuration."""
    with starting_stacks(tmp_path) as start:
        yield start()


@pytest.fixture
def ediware(running: RunningStack) -> Ediware:
    """The Ediware of the running stack's sandbox."""
    return Ediware(running.sandbox)
