"""What the contract tests share: a sandbox, a scripted server, a transport."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.providers.transport import Transport
from local.sandbox import Control, Sandbox, start
from tests.contract.scripted import Scripted


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A new sandbox with its sample accounts."""
    with start() as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    """The control API of that sandbox."""
    return Control(sandbox.url)


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A server that plays a script; see `scripted`."""
    with Scripted() as running:
        yield running


@pytest.fixture
def transport() -> Transport:
    """The transport of a process that has just started."""
    return Transport()
