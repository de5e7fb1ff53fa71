"""Progress output: finished tests, running tests, and each failure at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

EVERY_SECONDS = 10.0


class Progress:
    """Writes a line each `EVERY_SECONDS`, and one for each failure, by `write`."""

    def __init__(self, total: int, write: Callable[[str], object]) -> None:
        self._total = total
        self._write = write
        self._started = self._written = time.monotonic()
        self._outcomes: Counter[str] = Counter()

    def count(self, report: pytest.TestReport) -> None:
        """Take a report in."""
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[report.outcome] += 1
        if report.failed:
            self._write(f"FAILED {report.nodeid}")

    def show(self, running: Iterable[pytest.Item]) -> None:
        """Write a line if the last one is old enough."""
        now = time.monotonic()
        if now - self._written < EVERY_SECONDS:
            return
        self._written = now
        done = self._outcomes.total()
        names = ", ".join(item.nodeid.removeprefix("tests/") for item in running)
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self._outcomes.items()))
        share = 100 * done // max(self._total, 1)
        self._write(f"{share:3d} %  {now - self._started:4.0f} s  {counts or 'starting'}; now {names}")
