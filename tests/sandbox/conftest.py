"""A fresh sandbox for each test: starting one takes less than a millisecond."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.sandbox import Control, Sandbox, start
from local.sandbox.simulation import Simulation


@pytest.fixture
def pauses() -> list[float]:
    """How many seconds the sandbox has paused each time; it does not wait really."""
    return []


@pytest.fixture
def sandbox(pauses: list[float]) -> Iterator[Sandbox]:
    """A running sandbox with the sample accounts."""

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    with start(simulation=Simulation(pause=pause)) as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    """The control API of that sandbox."""
    return Control(sandbox.url)
