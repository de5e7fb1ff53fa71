"""What the contract tests share: a sandbox, a scripted server, a transport, and one time for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from chalicelib.providers.transport import Transport
from local.sandbox import Control, Sandbox, start
from local.sandbox.world import World
from tests.contract.scripted import Scripted
from tests.support import waiting
from tests.support.own_time import OwnTime


@pytest.fixture
def own_time() -> OwnTime:
    """The time of this test's servers and transport, which passes only where a server is slow."""
    return OwnTime()


@pytest.fixture
def sandbox(own_time: OwnTime) -> Iterator[Sandbox]:
    """A new sandbox with its sample accounts; starting one takes less than a millisecond."""
    with start(world=World(pause=own_time.pause)) as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    """The control API of that sandbox."""
    return Control(sandbox.url)


@pytest.fixture
def server(own_time: OwnTime) -> Iterator[Scripted]:
    """A server that plays a script; see `scripted`."""
    with Scripted(time=own_time) as running:
        yield running


@pytest.fixture
def transport(own_time: OwnTime) -> Transport:
    """The transport of a process that has just started."""
    return Transport(timing=own_time.timing)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for` of threads of this process, which come to it in no time."""
    return partial(waiting.wait_for, every_seconds=0.002)
