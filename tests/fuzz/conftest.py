"""The running stack with the world's configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fuzz.world import EVENT, configuration, signed
from tests.support.stack import MovableStack, SharedStack


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """A stack for all tests of a module, with one event."""
    stack = shared_stack.reset(configuration(shared_stack.sandbox))
    body = json.dumps(EVENT).encode()
    headers = {"content-type": "application/json", **signed(body, stack.now())}
    assert stack.request("POST", "/events", body, headers).status == 202
    yield stack
    shared_stack.idle()
