"""A pytest plugin that ends a run at its first failed assertion and writes down which test failed and how."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

RESULT = "RELAIS_MUTANT_RESULT"
"""The environment variable that names the file for the result."""


class Recorder:
    """Counts passed tests, and keeps the first failed assertion and every other failure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed = 0
        self.failed: dict[str, str] | None = None
        self.broken: list[dict[str, str]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report: pytest.TestReport = yield
        if report.when == "call" and report.passed:
            self.passed += 1
        elif report.failed and call.excinfo is not None:
            self._failure(item, call.excinfo.value, report.when == "call")
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append({"test": report.nodeid, "error": _first_line(str(report.longrepr))})

    def pytest_sessionfinish(self) -> None:
        result = {"passed": self.passed, "failed": self.failed, "broken": self.broken}
        self.path.write_text(json.dumps(result), encoding="utf-8")

    def _failure(self, item: pytest.Item, error: BaseException, in_test: bool) -> None:
        entry = {"test": item.nodeid, "error": _first_line(f"{type(error).__name__}: {error}")}
        if in_test and is_assertion(error):
            self.failed = entry
            item.session.shouldstop = "an assertion failed"
        else:
            self.broken.append(entry)


def is_assertion(error: BaseException) -> bool:
    """True for a failed `assert`, `pytest.fail` and `pytest.raises`, also where Hypothesis groups several of them."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_assertion(one) for one in error.exceptions)
    return isinstance(error, (AssertionError, pytest.fail.Exception))


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get(RESULT)
    if path:
        config.pluginmanager.register(Recorder(Path(path)))


def _first_line(text: str) -> str:
    """Return the first meaningful line of an error's text, at most 200 characters of it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
