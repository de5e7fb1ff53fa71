"""How many of Relais' own functions a warm form signup passes through, from the gateway's event to its answer."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from local import sandbox
from local.bench.surroundings import in_fresh_process, product
from local.bench.table import Row
from local.bench.workers import no_output

ROOT = Path(__file__).resolve().parents[2]
_OURS = (f"{ROOT}/app.py", f"{ROOT}/chalicelib/")


def rows() -> Iterator[Row]:
    """Calls of functions in `app.py` and `chalicelib`, the different functions among them, and their files."""
    with product(sandbox.sample_config("http://127.0.0.1:1")) as environ:  # no provider is called
        calls = in_fresh_process(environ, count_calls).result
    files = {file for file, _ in calls}
    yield Row("a form's signup", [calls.total(), len(calls), len(files)], ["calls", "functions", "files"])


def count_calls() -> Counter[tuple[str, str]]:
    """The calls that this process's second signup makes, by file and function."""
    import app

    calls: Counter[tuple[str, str]] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(_OURS):
            calls[code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname] += 1

    with no_output():
        _sign_up(app.app, "first")
        sys.setprofile(watch)
        try:
            _sign_up(app.app, "second")
        finally:
            sys.setprofile(None)
    return calls


def _sign_up(handler: Any, name: str) -> None:
    event = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    for headers in ("headers", "multiValueHeaders"):
        del event[headers]["Idempotency-Key"]
    answer = handler({**event, "body": f"email={name}%40example.com&prenom=Zo%C3%A9"}, None)
    if answer["statusCode"] != 202:
        raise RuntimeError(f"a signup was answered with {answer['statusCode']}")
