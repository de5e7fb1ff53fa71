"""Options and hooks of the runner, for `tests/conftest.py` to import."""

from __future__ import annotations

import sys
from collections.abc import Generator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.runner import promise
from tests.runner.pool import Pool
from tests.runner.progress import Progress
from tests.runner.schedule import Schedule, in_order

TESTS = Path(__file__).parent.parent
FOLDERS = ("chaos", "e2e", "packaged", "browser", "local", "template", "contact_import", "delivery", "privacy")
"""Folders with long single tests come first, so that none of them runs alone at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--processes N` forks N workers; `--no-servers` fails a test that starts a server or a process."""
    group = parser.getgroup("runner", "how tests run")
    group.addoption("--processes", type=int, default=0, help="run the tests in this many forked processes")
    group.addoption("--no-servers", action="store_true", help="fail tests that start a server or another process")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in several processes, where asked for; else pytest's own loop does."""
    option = session.config.option
    if option.processes < 2 or option.collectonly or len(session.items) < 2:
        return None
    if session.testsfailed and not option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} error(s) during collection")
    reporter: Any = session.config.pluginmanager.getplugin("terminalreporter")
    reporter.showfspath = reporter._show_progress_info = False
    progress = Progress(len(session.items), reporter.write_line)
    pool = Pool(session, Schedule(_groups(session.items)), option.processes, progress)
    try:
        pool.run()
    finally:
        pool.stop()
    return True


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(config: pytest.Config) -> Generator[None, Any, Any]:
    """Write no dots: with several processes, progress lines are printed."""
    category, letter, word = yield
    return category, "" if config.option.processes > 1 else letter, word


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Begin a failure with the promise."""
    report = yield
    if report.failed:
        promise.put_first(report, promise.of(item))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With `--no-servers`, refuse what only tests marked `server` may do."""
    _refused.active = bool(item.config.option.no_servers)
    if _refused.active and not _refused.installed:
        sys.addaudithook(_refused.hear)
        _refused.installed = True
    try:
        return (yield)
    finally:
        _refused.active = False


class _Refused:
    """An audit hook: it cannot be taken away again, so it is switched."""

    installed = False
    active = False
    EVENTS = frozenset(["subprocess.Popen", "socket.bind", "os.posix_spawn", "os.fork", "os.forkpty", "os.system"])

    def hear(self, event: str, _: object) -> None:
        if self.active and event in self.EVENTS:
            raise RuntimeError(
                f"{event}: a test that starts a server or a process is to be marked: @pytest.mark.server"
            )


_refused = _Refused()


def _groups(items: list[pytest.Item]) -> list[list[int]]:
    """Number the tests, module by module, in the order in which modules are to begin."""
    numbered = groupby(enumerate(items), key=lambda pair: pair[1].path)
    groups = [(_folder(path), [number for number, _ in pairs]) for path, pairs in numbered]
    return [list(group) for group in in_order(groups, FOLDERS)]


def _folder(path: Path) -> str:
    """Return the folder directly below `tests` that contains a file; "" for a file elsewhere."""
    return path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else ""
