"""Finds an interpreter of Lambda's Python version on this machine, which need not be the one that runs this.

It compiles the packaged modules (`make package`), and runs the zip in tests and benchmarks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .template import RUNTIME_PYTHON

VARIABLE = f"PYTHON{RUNTIME_PYTHON.replace('.', '')}"
"""Environment variable that names the interpreter; `no` does without one."""
NONE = "no"
_FOLDERS = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
_ASK = "import platform, sys; print(sys.implementation.name, platform.python_version())"


class NotThatPython(Exception):
    """What `VARIABLE` names is no interpreter of that version."""


@dataclass(frozen=True)
class RuntimePython:
    """An interpreter of Lambda's minor version; `version` also has the patch: `3.13.0`."""

    path: Path
    version: str


def find(environ: Mapping[str, str] = os.environ) -> RuntimePython | None:
    """Returns the first interpreter that answers with the right version; None if there is none, or `VARIABLE` says so.

    Looks at `VARIABLE` alone if it is set, else at the running one, those on the PATH, and those of pyenv and uv.
    Raises NotThatPython when what `VARIABLE` names is none.
    """
    named = environ.get(VARIABLE)
    if named:
        found = None if named == NONE else _ask(Path(named))
        if found is None and named != NONE:
            raise NotThatPython(f"{VARIABLE}={named} is no Python {RUNTIME_PYTHON}")
        return found
    return next((found for path in _candidates(environ) if (found := _ask(path))), None)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yields what may be one; pyenv's command on the PATH fails unless that version is chosen in the folder."""
    name = f"python{RUNTIME_PYTHON}"
    yield Path(sys.executable)
    for command in (name, "python3", "python"):
        if found := shutil.which(command, path=environ.get("PATH")):
            yield Path(found)
    home = Path(environ.get("HOME") or Path.home())
    yield from sorted(
        Path(environ.get("PYENV_ROOT") or home / ".pyenv").glob(f"versions/{RUNTIME_PYTHON}.*/bin/{name}")
    )
    yield from sorted((home / ".local/share/uv/python").glob(f"cpython-{RUNTIME_PYTHON}.*/bin/{name}"))
    for folder in _FOLDERS:
        yield Path(folder) / name


def _ask(path: Path) -> RuntimePython | None:
    """Returns what the interpreter says it is; None if it is another version or implementation, or does not answer."""
    try:
        done = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    implementation, _, version = done.stdout.strip().partition(" ")
    right = implementation == "cpython" and version.rpartition(".")[0] == RUNTIME_PYTHON
    return RuntimePython(path.absolute(), version) if done.returncode == 0 and right else None
