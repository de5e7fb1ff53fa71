"""Stops the stack with the `make` that started it.

GNU make forwards a SIGTERM to its recipe, but not a SIGINT that is sent to make alone (a terminal sends it to the whole
group). So the recipe checks its parent: an interrupted `make` no longer catches SIGINT. Linux only; elsewhere Ctrl-C in
the terminal works as well.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

CHECK_SECONDS = 0.2
_SIGINT_BIT = 1 << (signal.SIGINT - 1)


def watch(stop: Callable[[], None]) -> None:
    """Calls `stop` once, from a thread, when the `make` above this process is interrupted or has ended."""
    parent = os.getppid()
    if _waiting_make(parent):
        threading.Thread(target=_poll, args=(parent, stop), name="parent", daemon=True).start()


def _poll(parent: int, stop: Callable[[], None]) -> None:
    pause = threading.Event()
    while os.getppid() == parent and _waiting_make(parent):
        pause.wait(CHECK_SECONDS)
    stop()


def _waiting_make(pid: int) -> bool:
    """Returns whether the process is a `make` that still catches SIGINT, so has not been interrupted."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    catches_it = bool(int(status.get("SigCgt", "0"), 16) & _SIGINT_BIT)
    return status.get("Name") in ("make", "gmake") and catches_it
