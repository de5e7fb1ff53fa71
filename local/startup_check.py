"""After the start of `make run`: says in plain lines what `check` finds. It delays nothing and stops nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.lambdas.functions import FunctionFailed, NoEnvironment

_SECTIONS = ("account", "form", "source")


def begin(invoke: Callable[[str, Any], Any], asked_to_stop: threading.Event) -> threading.Thread:
    """Check in the background; print a line for each problem on standard error, or one that there is none."""

    def check() -> None:
        try:
            lines = list(lines_of(invoke("check", {})))
        except (FunctionFailed, NoEnvironment) as failure:
            lines = [f"check: not made: {failure}"]
        if not asked_to_stop.is_set():
            print("\n".join(lines), file=sys.stderr, flush=True)

    thread = threading.Thread(target=check, name="check", daemon=True)
    thread.start()
    return thread


def lines_of(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each problem in an answer of `check`; one line if there is none."""
    if "error" in answer:
        yield f"check: not made: {answer['error']['message']}"
    elif answer["ok"]:
        yield "check: every account, form and source is in order"
    for section in _SECTIONS:
        for name, entry in answer.get(f"{section}s", {}).items():
            for each in entry["problems"]:
                yield f"check: {section} {name}: {each['problem'].rstrip('.')}. {each['do']}"
