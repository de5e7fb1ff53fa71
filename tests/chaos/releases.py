"""Functions of two releases over one ledger: the present code, and that of an earlier release from the history."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.lambdas.functions import Functions
from tests.support.aws import stage_description
from tests.support.stack import ROOT

PREVIOUS = "RELAIS_PREVIOUS"
"""Names a commit to take for the earlier release; default: the newest release tag before this version."""
SAMPLE = "local/sample.toml"
DEPLOYED = ("app.py", "chalicelib", SAMPLE)
_APP = "tests.chaos.faulty_app"
_NEW, _OLD, _BOTH = "new", "old", "both"
_CYCLE = (_OLD, _OLD, _BOTH, _BOTH, _NEW, _NEW, _BOTH, _BOTH)
"""Which release runs in each minute: an update that is taken back, again and again."""


class ReleasesAtOnce:
    """Invokes each function of the present release, or of an earlier one where there is one.

    Each run of `sweep` is a minute of the cycle; while both run, chance decides for each invocation, as function after
    function is replaced in a deployment. `settle` ends the cycle.
    """

    def __init__(self, new: Functions, old: Functions | None, chance: random.Random) -> None:
        self._new = new
        self._old = old
        self._chance = chance
        self._minute = 0
        self._settled: str | None = None if old else _NEW
        self.invocations: Counter[tuple[str, str]] = Counter()
        """How often each release was invoked, by phase of the cycle and release."""

    @property
    def pids(self) -> list[int]:
        """Pids of the fork servers."""
        return [functions.pid for functions in (self._new, self._old) if functions]

    def invoke(self, name: str, event: Any, wait_seconds: float = 60.0) -> Any:
        """Run a function; raises FunctionFailed or NoEnvironment."""
        if name.endswith("-sweep"):
            self._minute += 1
        phase = self._settled or _CYCLE[self._minute % len(_CYCLE)]
        release = self._chance.choice((_NEW, _OLD)) if phase == _BOTH else phase
        self.invocations[phase, release] += 1
        functions = self._old if release == _OLD and self._old else self._new
        return functions.invoke(name, event, wait_seconds)

    def settle(self, *, on_the_earlier: bool) -> None:
        """From now on one release runs alone: the update is done, or has been taken back."""
        self._settled = _OLD if on_the_earlier else _NEW

    def stop(self, seconds: float) -> None:
        """End every process."""
        for functions in (self._new, self._old):
            if functions:
                functions.stop(seconds)


def start_functions(environ: Mapping[str, str], log: Path, root: Path = ROOT) -> Functions:
    """The template's functions over `faulty_app` and the product in `root`, whose logs go to a file of their own."""
    described = [
        replace(one, handler=one.handler.replace("app.", f"{_APP}.", 1)) for one in stage_description().functions
    ]
    errors = os.dup(2)
    try:
        with log.open("w") as file:
            os.dup2(file.fileno(), 2)
            return Functions(described, environ, [_APP], root)
    finally:
        os.dup2(errors, 2)
        os.close(errors)


def lay_out_previous(folder: Path) -> Path:
    """Lays the earlier release's product out in `folder`, with today's tests and stack beside it; returns the folder.

    `sample.toml` is the release's own sample world: the configuration goes back with the code.

    Skips the test where there is no earlier release, or a checkout without its history.
    """
    commit = os.environ.get(PREVIOUS) or _newest_release()
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, *DEPLOYED], cwd=ROOT, capture_output=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"two releases at once need the history with {commit}: {packed.stderr.decode().strip()}")
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    (folder / SAMPLE).rename(folder / "sample.toml")
    (folder / "local").rmdir()
    for name in ("local", "tests", ".chalice", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    sys.stdout.write(f"the earlier release is {commit}\n")
    return folder


def _newest_release() -> str:
    """Returns the tag of the newest release before this commit."""
    listed = subprocess.run(
        ["git", "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-v:refname"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    for tag in listed.stdout.split():
        if re.fullmatch(r"v\d+\.\d+\.\d+", tag):
            return tag
    return pytest.skip(f"there is no earlier release in this history; {PREVIOUS} may name a commit")
