"""Records the running stacks of this checkout: one file each under `.local/stacks`, for `invoke` and for people.

Standard library only. A file is readable by its owner alone: it contains the token that its stack requires.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local" / "stacks"


class NoStack(Exception):
    """No running stack matches; the text is for a person."""


@dataclass(frozen=True)
class StackState:
    """A running stack. `control_port` and `token` are for `invoke`; `started_at` is in epoch seconds."""

    pid: int
    http: str
    aws: str
    region: str
    stage: str
    config: str
    sandbox: str | None
    control_port: int
    token: str
    started_at: float

    @property
    def path(self) -> Path:
        """The stack's file, named by its HTTP port."""
        return FOLDER / f"{urlsplit(self.http).port}.json"

    def write(self) -> None:
        """Writes the file in one step."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        half_written = self.path.with_suffix(f".{self.pid}")
        descriptor = os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=2)
        half_written.replace(self.path)

    def remove(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)


def find(environ: Mapping[str, str]) -> StackState:
    """Returns the stack at `PORT` and `AWS_PORT` where these are set, else the last one started. Raises NoStack."""
    wanted = {name: environ[name] for name in ("PORT", "AWS_PORT") if environ.get(name, "0") not in ("", "0")}
    found = [state for state in _running() if _matches(state, wanted)]
    if found:
        return max(found, key=lambda state: state.started_at)
    where = " with " + ", ".join(f"{name}={value}" for name, value in wanted.items()) if wanted else ""
    raise NoStack(f"No stack of this checkout is running{where}: start one with `make run`.")


def _matches(state: StackState, wanted: Mapping[str, str]) -> bool:
    ports = {"PORT": urlsplit(state.http).port, "AWS_PORT": urlsplit(state.aws).port}
    return all(str(ports[name]) == value for name, value in wanted.items())


def _running() -> Iterator[StackState]:
    for path in FOLDER.glob("*.json"):
        try:
            state = StackState(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue  # being removed, or of another version
        if _alive(state.pid):
            yield state
        else:
            state.remove()  # the stack was killed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
