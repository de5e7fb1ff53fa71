"""What some tests need of the machine besides Python: where it is missing they are skipped by name, or fail in CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

EVERYTHING = "RELAIS_EVERYTHING"
"""Set and not empty where every test must run, as in `.ci/run`: a missing tool is then a failure."""


def need(command: str, what: str) -> str:
    """Return the path of the program `command`; without it the running test ends, saying that `what` needs it."""
    path = shutil.which(command)
    if path is None:
        missing(f"{what} needs {command}")
    return path


def missing(reason: str) -> NoReturn:
    """End the running test because this machine lacks something: skipped, or failed if everything has to run."""
    if os.environ.get(EVERYTHING):
        pytest.fail(f"{reason}, and {EVERYTHING} says that every test has to run", pytrace=False)
    pytest.skip(reason)
