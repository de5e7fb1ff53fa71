"""Which interpreter compiles the packaged modules and runs the packaged tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local import runtime_python
from local.template import RUNTIME_PYTHON

pytestmark = pytest.mark.server
NOWHERE = {"PATH": "/nowhere", "HOME": "/nowhere", "PYENV_ROOT": "/nowhere"}


def interpreter(path: Path, says: str, code: int = 0) -> Path:
    """A program that answers as a Python of that version would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this Python nor the folders that every machine has count."""
    monkeypatch.setattr(sys, "executable", str(interpreter(tmp_path / "own" / "python", "cpython 3.11.7")))
    monkeypatch.setattr(runtime_python, "_FOLDERS", ())


def test_a_command_on_the_path_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    """Such as pyenv's, where no Python of that version is chosen."""
    name = f"python{RUNTIME_PYTHON}"
    interpreter(tmp_path / "shims" / name, "", code=127)
    interpreter(tmp_path / "shims" / "python3", "cpython 3.12.9")
    found = interpreter(
        tmp_path / "pyenv" / "versions" / f"{RUNTIME_PYTHON}.7" / "bin" / name, f"cpython {RUNTIME_PYTHON}.7"
    )
    environ = {"PATH": str(tmp_path / "shims"), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert runtime_python.find(environ) == runtime_python.RuntimePython(found, f"{RUNTIME_PYTHON}.7")


@pytest.mark.parametrize("says", ["cpython 3.1.3", "cpython 3.130.1", "pypy 3.13.0", "cpython 3.12.13", "3.13.0"])
def test_another_python_is_none(tmp_path: Path, says: str) -> None:
    interpreter(tmp_path / "python3", says)
    assert runtime_python.find({**NOWHERE, "PATH": str(tmp_path)}) is None


def test_one_can_be_named_or_done_without(tmp_path: Path) -> None:
    named = interpreter(tmp_path / "mine", f"cpython {RUNTIME_PYTHON}.1")
    wrong = interpreter(tmp_path / "python3", "cpython 3.12.9")
    variable = runtime_python.VARIABLE
    assert runtime_python.find({**NOWHERE, variable: str(named)}) == runtime_python.RuntimePython(
        named, f"{RUNTIME_PYTHON}.1"
    )
    assert runtime_python.find({"PATH": str(tmp_path), variable: "no"}) is None
    for other in (wrong, tmp_path / "missing"):
        with pytest.raises(runtime_python.NotThatPython, match=f"{variable}={other} is no Python {RUNTIME_PYTHON}"):
            runtime_python.find({**NOWHERE, variable: str(other)})
