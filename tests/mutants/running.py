"""Runs the tests of one mutant, or of the unchanged product, on a copy of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants import plugin

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("app.py", "pyproject.toml", "chalicelib", "local", "tests")
LINKED = (".venv", ".local", ".chalice", "requirements.txt", "constraints.txt")
LONGEST_SECONDS = 600
"""The tests of all mutants take longest, on the unchanged product."""


@dataclass(frozen=True)
class Mutant:
    """One change of the product that breaks a promise of the contract, and the tests that must detect it."""

    name: str
    promise: int
    """The number of the promise in section 6 of the contract."""
    breaks: str
    """What goes wrong, in one line."""
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    """Files of tests, or single tests as `file::function`; at least one of them fails."""

    def occurrences(self, root: Path = ROOT) -> int:
        """Return how often the text to be changed occurs in the file."""
        return (root / self.file).read_text(encoding="utf-8").count(self.before)

    def apply(self, root: Path) -> None:
        """Change the file below `root`."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        path.unlink()  # where the file is a link, its target stays as it is
        path.write_text(text.replace(self.before, self.after), encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """How a run of tests ended: `killed_by` is the first test whose assertion failed."""

    seconds: float
    passed: int = 0
    killed_by: str | None = None
    failure: str | None = None
    """Why the run is invalid: a failure that is not an assertion, no tests, or a timeout."""


def run_one(mutant: Mutant, root: Path = ROOT) -> Outcome:
    """Run the mutant's tests without slow ones on a changed copy of the checkout at `root`."""
    found = mutant.occurrences(root)
    if found != 1:
        return Outcome(0.0, failure=f"the text occurs {found} times in {mutant.file}")
    with copied(root) as copy:
        mutant.apply(copy)
        return run(mutant.tests, copy)


def unchanged(mutants: Iterable[Mutant], root: Path = ROOT) -> Outcome:
    """Run the tests of all mutants on the unchanged product; they must pass."""
    with copied(root) as copy:
        return run(list(dict.fromkeys(test for mutant in mutants for test in mutant.tests)), copy)


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Yield a copy of the checkout. Times of files are kept, so that compiled modules stay valid."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = Path(name)
        for entry in COPIED:
            if (root / entry).is_dir():
                shutil.copytree(root / entry, copy / entry)
            elif (root / entry).exists():
                shutil.copy2(root / entry, copy / entry)
        for entry in LINKED:
            if (root / entry).exists():
                (copy / entry).symlink_to(root / entry)
        yield copy


def run(tests: Sequence[str], root: Path) -> Outcome:
    """Run tests at `root` until an assertion fails. Samples are drawn alike each time."""
    result = root / "mutant-result.json"
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-m", "not slow", "--hypothesis-seed=1"]
    command += ["-p", "no:cacheprovider", "-p", plugin.__name__, *tests]
    environ = {**os.environ, plugin.RESULT: str(result), "RELAIS_TEST_SEED": "1"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling the copied tests for each mutant would take longest
    begun = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=root, env=environ, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(time.monotonic() - begun, failure=f"no end after {LONGEST_SECONDS} s")
    seconds = time.monotonic() - begun
    if not result.exists():
        return Outcome(seconds, failure=f"pytest ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return _outcome(json.loads(result.read_text(encoding="utf-8")), seconds)


def _outcome(result: dict[str, Any], seconds: float) -> Outcome:
    passed, failed, broken = result["passed"], result["failed"], result["broken"]
    failure = None
    if failed is None and broken:
        failure = f"{broken[0]['test']}: {broken[0]['error']}"
    elif failed is None and not passed:
        failure = "no test ran"
    return Outcome(seconds, passed, failed and failed["test"], failure)
