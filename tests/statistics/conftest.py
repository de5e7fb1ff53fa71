"""The product over an embedded AWS and the sandbox's three providers, with one clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sandbox import start
from tests.statistics.world import StatisticsWorld
from tests.support.aws import TestAws


@pytest.fixture
def world(resources: TestAws, tmp_path: Path) -> Iterator[StatisticsWorld]:
    """Three accounts at a sandbox whose clock stands still."""
    with start() as sandbox:
        yield StatisticsWorld(sandbox.url, tmp_path / "relais.toml")
