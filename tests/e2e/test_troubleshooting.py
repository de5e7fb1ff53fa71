"""docs/troubleshooting.md: each mistake is made here, and the product's own answer is what stands in the tables.

`REWRITE=yes make test PYTEST_ARGS=tests/e2e/test_troubleshooting.py` writes the answers of today into the document.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local import invoke, package, startup_check
from local.configuration import read_configuration
from local.options import StartFailed, read_options
from local.sandbox import SAMPLE_FILE, sample_config
from local.stack import Stack
from tests.e2e.mistakes import COMMANDS, CONFIGURATIONS, REMEDIES, REQUESTS, WRONG_AT_PROVIDER, signed_requests
from tests.e2e.world import event, submit
from tests.support.stack import ROOT, MovableStack, SharedStack

DOCUMENT = ROOT / "docs" / "troubleshooting.md"
SAMPLE = SAMPLE_FILE.read_text(encoding="utf-8")
REWRITE = bool(os.environ.get("REWRITE"))


def compare(part: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Compare the table of a part with the rows: mistake, answer, and what to do where the answer does not say it."""
    lines = ["| the mistake | what Relais says | what to do |", "|---|---|---|"]
    lines += [f"| {title} | {code(answer)} | {remedy} |" for title, answer, remedy in rows]
    table = "\n".join(lines)
    text = DOCUMENT.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {part}: [^\n]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
    assert marks.search(text), f"the document has no part {part}"
    made = marks.sub(lambda found: f"{found[1]}{table}{found[2]}", text)
    if REWRITE:
        DOCUMENT.write_text(made, encoding="utf-8")
    assert made == DOCUMENT.read_text(encoding="utf-8"), "run it with REWRITE=yes, and read what changed"


def code(answer: str) -> str:
    """Format each line of an answer as code in a table's cell."""
    lines = [line.replace("|", "\\|") for line in answer.splitlines()]
    return "<br>".join(f"`` {line} ``" if "`" in line else f"`{line}`" for line in lines)


# --- the start of make run ---


def start(path: Path) -> str:
    """Return what `make run` says of the configuration at `path`."""
    try:
        configured = read_configuration(path)
        configured.at_sandbox("http://127.0.0.1:8025", "http://127.0.0.1:8000").check_secrets({}, None)
    except StartFailed as refused:
        return str(refused).partition("\n")[2].replace(f"{path.parent}/", "")
    raise AssertionError(f"{path} is accepted")


@pytest.mark.server
def test_mistakes_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.toml"
    rows = [("`RELAIS_CONFIG` names a file that is not there", start(path), "`cp local/sample.toml my.toml`")]
    rows.append(("`RELAIS_CONFIG` names a folder", start(tmp_path).replace(tmp_path.name, "my-folder"), ""))
    path.write_text(SAMPLE, encoding="utf-16")
    rows.append(('saved as "Unicode" (UTF-16)', start(path), 'In the editor\'s "Save as", choose UTF-8.'))
    for wrong in CONFIGURATIONS:
        assert wrong.old in SAMPLE, wrong.title
        path.write_text(SAMPLE.replace(wrong.old, wrong.new, 1), encoding="utf-8")
        rows.append((wrong.title, start(path), wrong.remedy))
    path.write_text(SAMPLE, encoding="utf-8")
    assert package.main({"STAGE": "prod", "RELAIS_CONFIG": str(path)}, tmp_path / "out") == 1
    said = capsys.readouterr().err.removeprefix("Not packaged.\n").replace(f"{tmp_path}/", "").strip()
    rows.append(("`make package` with `sandbox = true`", said, ""))
    assert len(rows) > 20
    compare("configuration", rows)


@pytest.mark.server
def test_mistakes_in_the_environment() -> None:
    def said(environ: dict[str, str]) -> str:
        stack = Stack(read_options({"HOST": "127.0.0.1", "PORT": "0", **environ}), environ)
        try:
            stack.start(threading.Event())
        finally:
            stack.stop()
        raise AssertionError("it started")

    def refused(environ: dict[str, str]) -> str:
        with pytest.raises(StartFailed) as error:
            said(environ)
        return str(error.value)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = refused({"PORT": port}).replace(port, "8000")
    rows = [
        ("another program, or another `make run`, has the port", in_use, "`PORT=8001 make run`"),
        ("`PORT=http`", refused({"PORT": "http"}), ""),
        ("`HOST` is another machine's", refused({"HOST": "192.0.2.1"}), ""),
        ("`AWS_ENDPOINT_URL=localhost`", refused({"AWS_ENDPOINT_URL": "localhost"}), ""),
    ]
    compare("environment", rows)


# --- requests ---


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset(
        f"{sample_config(shared_stack.sandbox)}\n{WRONG_AT_PROVIDER}".replace("@SANDBOX@", shared_stack.sandbox)
    )
    shared_stack.idle()


def test_mistakes_in_requests(stack: MovableStack) -> None:
    rows = []
    for one in [*REQUESTS, *signed_requests(stack.now())]:
        answer = stack.request(one.method, one.path, one.body or None, one.headers)
        problem = answer.json
        assert answer.status >= 400, one.title
        lines = [f"{answer.status} {problem['detail']}"]
        lines += [f"{wrong['field']}: {wrong['message']}" for wrong in problem.get("errors", [])]
        for rejected in problem.get("rejected", []):
            lines += [f"{wrong['field']}: {wrong['message']}" for wrong in rejected["errors"]]
        rows.append((one.title, "\n".join(dict.fromkeys(lines)), one.remedy))
    compare("requests", rows)


def test_mistakes_in_commands(
    stack: MovableStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(port: str, name: str, asked: Any) -> str:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(asked))
        monkeypatch.setenv("PORT", port)
        assert invoke.main([name, *(["--event", str(path)] if asked is not None else [])]) == 1
        shown = capsys.readouterr()
        return str(json.loads(shown.out)["error"]["message"]) if shown.out else shown.err.strip()

    rows = [("`make run` is not running", said("1", "report", None).replace(" with PORT=1", ""), "")]
    rows += [(title, said(stack.port, name, asked), remedy) for title, name, asked, remedy in COMMANDS]
    compare("commands", rows)


# --- what only the provider knows ---


def test_what_check_says(stack: MovableStack) -> None:
    code_, answer = stack.invoke("check", {})
    assert code_ == 0
    lines = list(startup_check.lines_of(answer))

    def said(start: str) -> str:
        return "\n".join(line for line in lines if line.startswith(f"check: {start}:"))

    rows = [
        ("the account's key is wrong, or (Ediware) this machine's address is not declared", said("account lyon"), ""),
        ("the list is not there", said("form oldlist"), ""),
        ("a field is misspelt (at Ediware only a signup shows it)", said("form leden"), ""),
    ]
    assert all(answer for _, answer, _ in rows), lines
    compare("check", rows)


def outcome(stack: MovableStack, fields: dict[str, str], form: str = "footer") -> Callable[[], Any]:
    """Sign up; return what finds the first delivery once it has a status other than pending, or a reason."""
    made = submit(stack, "signup", fields, form)
    assert made.status == 202, made.body

    def found() -> Any:
        [delivery] = event(stack, made.json["id"])["deliveries"]
        return delivery if delivery["status"] != "pending" or delivery["reason"] else None

    return found


def test_what_becomes_of_accepted_signups(stack: MovableStack) -> None:
    signups = [
        ("the list is not there", {"email": "a@example.com"}, "oldlist"),
        ("a field is not there", {"email": "a@example.com", "prenom": "Ana"}, "clients"),
        ("the account's key is wrong", {"email": "a@example.com"}, "membres"),
        ("the hidden field of the form was filled in", {"email": "b@example.com", "website": "x"}, "footer"),
        ("a link in a field", {"email": "c@example.com", "nom": "www.example.com"}, "footer"),
    ]
    rows = []
    for title, fields, form in signups:
        delivery = stack.until(outcome(stack, fields, form))
        rows.append((title, f"{delivery['status']}: {delivery['reason']}", REMEDIES[title]))
    left = submit(stack, "unsubscribe", {"email": "left@example.com"}).json["id"]

    def has_left() -> bool:
        return any(
            one["account"] == "paris" and one["status"] == "delivered" for one in event(stack, left)["deliveries"]
        )

    stack.until(has_left)
    delivery = stack.until(outcome(stack, {"email": "left@example.com"}))
    remedy = f"{delivery['remedy'][0].upper()}{delivery['remedy'][1:]}."
    rows.append(("the person has unsubscribed before", f"{delivery['status']}: {delivery['reason']}", remedy))
    compare("events", rows)
