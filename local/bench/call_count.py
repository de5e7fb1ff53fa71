"""How many of Relais' own functions a warm form signup passes through, from the gateway's event to the stored one."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from local import sandbox
from local.bench.surroundings import in_fresh_process, product
from local.bench.table import Row
from local.bench.workers import no_output

ROOT = Path(__file__).resolve().parents[2]
_OURS = (str(ROOT / "app.py"), str(ROOT / "chalicelib") + "/")


def rows() -> Iterator[Row]:
    """Calls of functions in `app.py` and `chalicelib`, the different functions among them, and their files."""
    config = sandbox.sample_config("http://127.0.0.1:1")  # no provider is called
    with product(config) as environ:
        calls = in_fresh_process(environ, count_calls).result
    functions = {(file, name) for file, name, _ in calls}
    columns = ["calls", "functions", "files"]
    yield Row("a form's signup", [sum(calls.values()), len(functions), len({file for file, _ in functions})], columns)


def count_calls() -> Counter[tuple[str, str, int]]:
    """The calls of the second signup that this process takes, by file, function and line."""
    sys.path.insert(0, str(ROOT))
    import app

    calls: Counter[CodeType] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_OURS):
            calls[frame.f_code] += 1

    with no_output():
        _sign_up(app.app, "first")
        sys.setprofile(watch)
        try:
            _sign_up(app.app, "second")
        finally:
            sys.setprofile(None)
    return Counter(
        {
            (code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname, code.co_firstlineno): number
            for code, number in calls.items()
        }
    )


def _sign_up(handler: Any, name: str) -> None:
    event = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    for headers in ("headers", "multiValueHeaders"):
        del event[headers]["Idempotency-Key"]
    answer = handler({**event, "body": f"email={name}%40example.com&prenom=Zo%C3%A9"}, None)
    if answer["statusCode"] != 202:
        raise RuntimeError(f"a signup was answered with {answer['statusCode']}")
