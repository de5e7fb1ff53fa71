"""The process that collected the tests: forks workers, assigns tests, and reports results."""

from __future__ import annotations

import gc
import os
import signal
import time
import warnings
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import pytest

from tests.runner import promise, worker
from tests.runner.progress import Progress
from tests.runner.schedule import Schedule

_END_SECONDS = 20.0
"""How long interrupted workers may take to stop the servers of their tests."""


@dataclass(eq=False)
class _Forked:
    """A worker, seen from here. `begun` are tests that it has taken and not yet ended, by number."""

    number: int
    pid: int
    connection: Connection
    taken: list[int] = field(default_factory=list)
    running: int | None = None


class Pool:
    """Runs all tests of `session` in `processes` forked workers. The test of a worker that dies fails."""

    def __init__(self, session: pytest.Session, schedule: Schedule, processes: int, progress: Progress) -> None:
        self._session = session
        self._config: Any = session.config
        self._schedule = schedule
        self._progress = progress
        self._again: list[int] = []
        self._started = 0
        self._folder = Path(self._config._tmp_path_factory.getbasetemp())
        gc.collect()
        gc.freeze()  # pages that a collection does not touch stay shared
        self._workers = [self._fork() for _ in range(processes)]

    def run(self) -> None:
        """Run until every worker has ended. Raises Session.Failed or Interrupted when the session is to stop."""
        while self._workers:
            by_connection = {each.connection: each for each in self._workers}
            for connection in wait(by_connection, timeout=1.0):
                assert isinstance(connection, Connection)
                self._hear(by_connection[connection])
            self._progress.show(self._session.items[one.running] for one in self._workers if one.running is not None)
            if self._session.shouldfail:
                raise self._session.Failed(self._session.shouldfail)
            if self._session.shouldstop:
                raise self._session.Interrupted(self._session.shouldstop)

    def stop(self) -> None:
        """End the workers that still run: ask first, so that they stop what their tests have started."""
        for each in self._workers:
            os.kill(each.pid, signal.SIGINT)
        deadline = time.monotonic() + _END_SECONDS
        for each in self._workers:
            while os.waitpid(each.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(each.pid, signal.SIGKILL)
                time.sleep(0.02)
            each.connection.close()
        self._workers = []

    def _fork(self) -> _Forked:
        self._started += 1
        ours, theirs = Pipe()
        pid = os.fork()
        if pid == 0:
            ours.close()
            worker.serve(self._session, theirs, self._folder / f"process-{self._started}")
        theirs.close()
        return _Forked(self._started, pid, ours)

    def _hear(self, one: _Forked) -> None:
        kind, *said = _received(one.connection)
        if kind == worker.NEXT:
            number = self._again.pop() if self._again else self._schedule.next(one.number)
            one.taken += [] if number is None else [number]
            one.connection.send(number)
        elif kind == worker.STARTED:
            one.running = said[0]
            one.taken.remove(said[0])
        elif kind == worker.REPORTED:
            self._report(self._config.hook.pytest_report_from_serializable(config=self._config, data=said[0]))
        elif kind == worker.WARNED:
            self._warn(*said)
        elif kind == worker.ENDED:
            self._ended(one)
        else:
            self._dead(one)

    def _report(self, report: pytest.TestReport) -> None:
        self._config.hook.pytest_runtest_logreport(report=report)
        self._progress.count(report)

    def _warn(self, category: str, text: str, file: str, line: int, when: Any, nodeid: str, location: Any) -> None:
        message = warnings.WarningMessage(text, type(category, (Warning,), {}), file, line)
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": location}
        )

    def _ended(self, one: _Forked) -> None:
        os.waitpid(one.pid, 0)
        one.connection.close()
        self._workers.remove(one)

    def _dead(self, one: _Forked) -> None:
        """Report the running test as failed, and give what else the worker had taken to another one."""
        _, status = os.waitpid(one.pid, 0)
        one.connection.close()
        self._workers.remove(one)
        self._again += one.taken
        if one.running is not None:
            item = self._session.items[one.running]
            text = f"the process that ran this test ended by itself ({os.waitstatus_to_exitcode(status)})"
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
            promise.put_first(report, promise.of(item))
            self._report(report)
        self._workers.append(self._fork())


def _received(connection: Connection) -> tuple[Any, ...]:
    """Return a worker's message, or (None,) if it has died."""
    try:
        message: tuple[Any, ...] = connection.recv()
        return message
    except (EOFError, ConnectionResetError):
        return (None,)
