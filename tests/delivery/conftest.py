from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from chalicelib.reconciliation.sweep import Sweep
from tests.contract.scripted import Scripted
from tests.support.reference import World, serial


@pytest.fixture
def one_thread_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    serial(monkeypatch)


@pytest.fixture
def unobserved_workers(
    one_thread_a_worker: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One thread a worker, no log lines and no measurements of what waits, where workers run some thousand times."""
    monkeypatch.setattr(Sweep, "_measure", lambda *_: None)
    caplog.set_level(logging.CRITICAL, "relais")


@pytest.fixture
def world(one_thread_a_worker: None) -> World:
    """Workers over a ledger in memory, and the reference model of what they are to do."""
    return World()


@pytest.fixture
def crm() -> Iterator[Scripted]:
    """The server of a back end that is told of events."""
    with Scripted() as server:
        yield server
