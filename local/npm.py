"""Installs packages of npm that tests need, once for each version, into `.local/`; none is part of the repository."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

TIME_LIMIT_SECONDS = 120


class NotInstalled(Exception):
    """A package cannot be installed on this machine; the text says why."""


def installed(package: str, version: str, home: Path) -> Path:
    """Returns the folder of a package in `home`, installed if missing. Raises NotInstalled.

    Only files are read from it: no package's script is run.
    """
    if shutil.which("npm") is None:
        raise NotInstalled("npm is missing")
    home.mkdir(parents=True, exist_ok=True)
    target = home / version
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may install it at once
        if not target.exists():
            _install(package, version, target)
    return target / "node_modules" / package


def _install(package: str, version: str, target: Path) -> None:
    """Installs into a temporary folder first, so that the version's folder is always complete."""
    folder = Path(tempfile.mkdtemp(dir=target.parent))
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error", "--prefix", str(folder)]
    command = ["npm", "install", *options, f"{package}@{version}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS)
        folder.rename(target)
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", None) or str(error)).strip().partition("\n")[0]
        raise NotInstalled(f"npm could not install {package}: {output}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
