"""What the tests of the gateway and its server share: one gateway for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.recorder import Recorder


@pytest.fixture(scope="module")
def shared_recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.stop()


@pytest.fixture
def recorder(shared_recorder: Recorder) -> Recorder:
    shared_recorder.forget()
    return shared_recorder
