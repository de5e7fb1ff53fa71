"""Runs the shell examples of the documentation as written, and checks that required names are documented."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from local.sandbox import Control, sample_config
from local.template import build
from tests.support.documents import Documented
from tests.support.stack import ROOT, MovableStack, RunningStack, SharedStack

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FORMS = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
ALARMS = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "logs-and-metrics.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("local/**/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 240
# One second is the pause of a loop that waits for something; longer, and time has to pass.
SLEEP = 'sleep() { if [ "$1" -gt 1 ]; then curl -s "@URL@/$1"; else command sleep 0.1; fi; }\n'

pastes = pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")

# Values that differ each time: ids, times, ports.
CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|form-(…|[0-9a-f]{40})"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"/unsubscribe/A(\w+…|[\w-]{50,})"), "/unsubscribe/<token>"),
    # One campaign of the sandbox is read daily, so in one hour of the day there is one more.
    (re.compile(r'("brussel": \{"read": )[12],'), r"\g<1>1,"),
)


@dataclass(frozen=True)
class Step:
    """A pasted command and its documented output, as JSON or as text (None where no output is shown)."""

    pasted: str
    language: str
    shown: str


def section(title: str) -> str:
    """A section of the README, without its title."""
    [text] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    return str(text)


def steps(text: str) -> Iterator[Step]:
    """The shell blocks, each with the block of its output, if one follows."""
    blocks = BLOCK.findall(text)
    for (language, code), (next_language, next_code) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "sh":
            shows = next_language in ("json", "text")
            yield Step(code, next_language if shows else "text", next_code if shows else "")


def unchanging(text: str) -> str:
    for pattern, replacement in CHANGING:
        text = pattern.sub(replacement, text)
    return text.replace("\ufeff", "").replace("\r\n", "\n").strip()


def holds(printed: Any, shown: Any) -> bool:
    """Is all of `shown` in `printed`? More members of an object are no lie: a sample account may be added."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return all(name in printed and holds(printed[name], value) for name, value in shown.items())
    return bool(printed == shown)


def as_shown(printed: str, step: Step) -> bool:
    if step.language == "json":
        return holds(json.loads(unchanging(printed)), json.loads(unchanging(step.shown)))
    return unchanging(printed) == unchanging(step.shown)


def paste(text: str, addresses: Mapping[str, str], stack: MovableStack) -> None:
    """Run `text` in a shell line by line with other `addresses`, and compare the output."""
    shown = list(steps(text))
    script = "".join(f"{step.pasted}printf '\\n@@@\\n'\n" for step in shown)
    for address, own in addresses.items():
        assert address in script
        script = script.replace(address, own)
    with sleeping(stack) as url:
        *printed, rest = shell(SLEEP.replace("@URL@", url) + script, stack.port).split("\n@@@\n")
    assert rest == ""
    for step, output in zip(shown, printed, strict=True):
        assert as_shown(output, step), f"{step.pasted}\nprinted\n{output}\nand not\n{step.shown}"


@contextmanager
def sleeping(stack: MovableStack) -> Iterator[str]:
    """The URL of a server that moves the stack's time by the seconds in the path of a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stack.forward(float(self.path.removeprefix("/")))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def shell(script: str, port: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
    done = subprocess.run(
        ["bash", "-eu"],
        input=script,
        cwd=ROOT,
        env={**environ, "PORT": port},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset()
    shared_stack.idle()


@pastes
def test_the_readme_tour_works_as_written(stack: MovableStack, documented: Documented) -> None:
    Control(stack.sandbox).clock(freeze=True)  # else figures could grow between the two runs of collect_stats
    tour = section("A five-minute tour")
    assert [step.pasted for step in steps(tour)] == documented.blocks("README.md")
    addresses = {
        "http://127.0.0.1:8000": stack.http,
        "http://127.0.0.1:4566": stack.lines["aws"],
        "http://127.0.0.1:8025": stack.sandbox,
    }
    paste(tour, addresses, stack)


def test_make_run_prints_the_lines_shown_in_the_tour(stack: RunningStack) -> None:
    printed = "".join(f"{name}: {value}\n" for name, value in stack.lines.items())
    assert unchanging(printed) in unchanging(section("A five-minute tour"))


@pastes
def test_the_form_examples_work_as_written(shared_stack: SharedStack, documented: Documented) -> None:
    assert [step.pasted for step in steps(FORMS)] == documented.blocks("docs/forms.md")
    form, *_, club = [code for language, code in BLOCK.findall(FORMS) if language == "toml"]
    sample = sample_config(shared_stack.sandbox, ["ediware"])
    others = re.sub(r"^\[forms\.footer.*?(?=^\[(?!forms))", "", sample, flags=re.DOTALL | re.MULTILINE)
    stack = shared_stack.reset(form + club + others)
    paste(FORMS, {"http://127.0.0.1:8000": stack.http}, stack)
    shared_stack.idle()


def test_every_dependency_is_justified() -> None:
    dependencies = CONTRIBUTING.partition("## Dependencies\n")[2]
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| (.*?) \|", dependencies, re.MULTILINE))))
    for file in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        pinned = {re.split(r"[\[=]", line)[0] for line in lines if "==" in line and not line.startswith("types-")}
        assert pinned <= named


def test_every_alarm_has_a_runbook() -> None:
    resources = build("local")["Resources"].values()  # stages differ by their name alone
    alarms = [one["Properties"]["AlarmName"] for one in resources if one["Type"] == "AWS::CloudWatch::Alarm"]
    named = {name.replace("relais-local-", "relais-prod-", 1) for name in alarms}
    assert named
    runbooks = re.findall(r"^## relais-prod-(\S+)\n\n(.*?)(?=\n\n)", ALARMS, re.DOTALL | re.MULTILINE)
    written = {
        "relais-prod-" + title.replace("FUNCTION", name).replace("QUEUE", name)
        for title, beginning in runbooks
        for name in re.findall(r"`(\w+)`", beginning) or [""]
    }
    assert named <= written


def test_every_metric_is_documented() -> None:
    [table] = re.findall(r"^## Metrics\n(.*?)(?=^## )", METRICS, re.DOTALL | re.MULTILINE)
    explained = set(re.findall(r"`(\w+)`", table))
    counted = set[str]()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        counted |= set(re.findall(r'metrics\.(?:count|seconds)\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert counted
    assert counted <= explained


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_point_to_existing_targets(document: Path) -> None:
    for target in links(document.read_text(encoding="utf-8")):
        path, _, anchor = unquote(target).partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{document.name} links to {target}"


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> Sequence[str]:
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)) if not urlsplit(target).scheme]


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a Markdown text have on the usual code hosts."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
