"""Creates `.venv` and installs the pinned packages. Run by make, before anything else, with the Python that it found.

Standard library only. Usage: `python local/setup.py STAMP`, where the stamp's name contains a checksum of the
requirement files; it is written last, so that an interrupted set-up is repeated.
"""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(stamp: Path) -> int:
    """Sets up unless another process has just done so; returns the exit code."""
    (ROOT / ".local").mkdir(exist_ok=True)
    with (ROOT / ".local" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands may start at once in a new checkout
        if stamp.exists() and _usable():
            return 0
        print("Setting up .venv (about a minute, the first time only) ...", file=sys.stderr, flush=True)
        try:
            _make_environment()
            _install()
        except subprocess.CalledProcessError as error:
            print(f"Set-up failed: {' '.join(map(str, error.cmd))} ended with {error.returncode}.", file=sys.stderr)
            return 1
        for older in VENV.glob("ready-*"):
            older.unlink()
        stamp.touch()
    return 0


def _usable() -> bool:
    """Returns whether `.venv` has a working Python that is new enough (it may be of a Python since removed)."""
    check = [str(PYTHON), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
    return PYTHON.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0


def _make_environment() -> None:
    if _usable():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("ensurepip"):
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        return
    # Debian's python3 without python3-venv has no ensurepip; python3-pip, if there, can install into .venv.
    if importlib.util.find_spec("pip") is None:
        sys.exit(f"{sys.executable} can neither create environments nor install packages: install python3-venv.")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    subprocess.run([sys.executable, "-m", "pip", "-q", "--python", PYTHON, "install", "pip"], check=True)


def _install() -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", str(ROOT / "requirements-dev.txt")], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
