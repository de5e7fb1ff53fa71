"""A fresh sandbox for each test: starting one takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.sandbox import Control, Sandbox, start


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox with the sample accounts."""
    with start() as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    """The control API of that sandbox."""
    return Control(sandbox.url)
