"""After the start of `make run`: says in plain lines what `check` finds. It delays nothing and stops nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.lambdas.functions import FunctionFailed, NoEnvironment

_SECTIONS = ("account", "form", "source")


def begin(
    invoke: Callable[[str, Any], Any], asked_to_stop: threading.Event, hints: Mapping[str, str]
) -> threading.Thread:
    """Checks in the background; prints a line for each problem on standard error, or one that there is none.

    `hints` is said of accounts, by their names, where they have a problem.
    """

    def check() -> None:
        try:
            lines = list(lines_of(invoke("check", {}), hints))
        except (FunctionFailed, NoEnvironment) as failure:
            lines = [f"check: not made: {failure}"]
        if not asked_to_stop.is_set():
            print("\n".join(lines), file=sys.stderr, flush=True)

    thread = threading.Thread(target=check, name="check", daemon=True)
    thread.start()
    return thread


def lines_of(answer: Mapping[str, Any], hints: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yields a line for each problem in an answer of `check`, or one if there is none; it says what was not checked."""
    hints = hints or {}
    unchecked = _unchecked(answer)
    if "error" in answer:
        yield f"check: not made: {answer['error']['message']}"
    elif answer["ok"]:
        yield "check: every account, form and source is in order" + (f"; {unchecked}" if unchecked else "")
    for section in _SECTIONS:
        for name, entry in answer.get(f"{section}s", {}).items():
            for each in entry["problems"]:
                hint = f" {hints[name]}" if section == "account" and name in hints else ""
                yield f"check: {section} {name}: {each['problem'].rstrip('.')}. {each['do']}{hint}"
    if unchecked and not answer["ok"]:
        yield f"check: {unchecked}"


def _unchecked(answer: Mapping[str, Any]) -> str:
    """Returns what could not be looked at, the same of several forms once; "" if everything was."""
    about: dict[str, list[str]] = {}
    for section in _SECTIONS:
        for name, entry in answer.get(f"{section}s", {}).items():
            for what in entry["unchecked"]:
                about.setdefault(what, []).append(f"{section} {name}")
    shown = "; ".join(f"{', '.join(names)} ({what})" for what, names in about.items())
    return f"not checked: {shown}" if shown else ""
