"""A forked process that runs its assigned tests and sends the results to the process that collected."""

from __future__ import annotations

import contextlib
import io
import multiprocessing.util
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import pytest

NEXT, STARTED, REPORTED, WARNED, ENDED = "next", "started", "reported", "warned", "ended"
"""The first part of each message. The answer to NEXT is the number of a test, or None."""


class Worker:
    """Runs tests of `session` in this process. It is a plugin, so that it hears of reports and warnings."""

    def __init__(self, session: pytest.Session, connection: Connection) -> None:
        self._session = session
        self._config: Any = session.config
        self._connection = connection
        self._running = False

    def run(self) -> None:
        """Run tests until none is left. The next one is requested early: it decides which fixtures are kept."""
        self._running = True
        number = self._next()
        while number is not None:
            following = self._next()
            items = self._session.items
            item, after = items[number], None if following is None else items[following]
            self._connection.send((STARTED, number))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            number = following
        self._connection.send((ENDED,))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send a report on."""
        hook = self._config.hook
        self._connection.send((REPORTED, hook.pytest_report_to_serializable(config=self._config, report=report)))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        """Send a warning on, as text: its class may not be known on the other side."""
        if not self._running:
            return  # pytest repeats to a new plugin the warnings from before this process was forked
        category, text = warning_message.category.__name__, str(warning_message.message)
        place = (warning_message.filename, warning_message.lineno)
        self._connection.send((WARNED, category, text, *place, when, nodeid, location))

    def _next(self) -> int | None:
        self._connection.send((NEXT,))
        number: int | None = self._connection.recv()
        return number


def serve(session: pytest.Session, connection: Connection, folder: Path) -> NoReturn:
    """Be a worker in a process that was just forked; temporary files go to `folder`. Never returns."""
    code = 0
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _take_over(session.config, folder)
        worker = Worker(session, connection)
        session.config.pluginmanager.register(worker, "worker")
        worker.run()
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        code = 1  # the run was interrupted
    finally:
        _end(session, code)


def _take_over(config: Any, folder: Path) -> None:
    """Give this process its own capture, temporary files and silence: those of the parent are shared by all."""
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    folder.mkdir(parents=True, exist_ok=True)
    config._tmp_path_factory._basetemp = folder
    reporter = config.pluginmanager.getplugin("terminalreporter")
    reporter._tw._file = io.StringIO()


def _end(session: Any, code: int) -> NoReturn:
    """Tear down remaining fixtures, save the coverage, and exit without the exit handlers of the parent."""
    steps: list[Callable[[], object]] = [
        lambda: session._setupstate.teardown_exact(None),
        _save_coverage,
        multiprocessing.util._exit_function,  # its folders and processes, which Python ends at an ordinary exit
    ]
    for step in steps:
        with contextlib.suppress(BaseException):
            step()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _save_coverage() -> None:
    """Save the coverage of this process in a file of its own, which pytest-cov combines with the others."""
    if "coverage" in sys.modules:
        import coverage

        measured = coverage.Coverage.current()
        if measured is not None:
            measured.stop()
            measured.save()
