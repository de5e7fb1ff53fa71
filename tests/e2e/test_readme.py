"""The README's tour, pasted into a shell as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.sandbox import Control
from tests.support.stack import ROOT, RunningStack

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TOUR_SECONDS = 120

# What is another one each time: ids, times, ports.
CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"snapshot#\d{4}-\d\d-\d\dT\d\d"), "snapshot#<hour>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
)


@dataclass(frozen=True)
class Step:
    """What is pasted, and what the README says it prints, as JSON or as text (nothing where it says nothing)."""

    pasted: str
    language: str
    shown: str


def section(title: str) -> str:
    """A section's text, without its title."""
    [text] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    return str(text)


def steps() -> Iterator[Step]:
    blocks = BLOCK.findall(section("A five-minute tour"))
    for (language, text), (next_language, next_text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "sh":
            shows = next_language in ("json", "text")
            yield Step(text, next_language if shows else "text", next_text if shows else "")


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


def pasted(stack: RunningStack, script: str) -> str:
    """What a shell prints when it is given `script` line by line, at this stack's addresses."""
    for address, own in (
        ("http://127.0.0.1:8000", stack.http),
        ("http://127.0.0.1:4566", stack.lines["aws"]),
        ("http://127.0.0.1:8025", stack.sandbox),
    ):
        assert address in script
        script = script.replace(address, own)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
    done = subprocess.run(
        ["bash", "-eu"],
        input=script,
        cwd=ROOT,
        env={**environ, "PORT": stack.port},
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="the tour needs curl and bash")
def test_the_tour_does_what_it_says(stack: RunningStack) -> None:
    Control(stack.sandbox).clock(freeze=True)  # else figures could grow between the two runs of collect_stats
    tour = list(steps())
    assert len(tour) >= 10
    script = "".join(f"{step.pasted}printf '\\n@@@\\n'\n" for step in tour)
    *printed, rest = pasted(stack, script).split("\n@@@\n")
    assert rest == ""
    for step, text in zip(tour, printed, strict=True):
        assert as_shown(text, step), f"{step.pasted}\nprinted\n{text}\nand not\n{step.shown}"


def test_make_run_prints_what_the_tour_begins_with(stack: RunningStack) -> None:
    printed = "".join(f"{name}: {value}\n" for name, value in stack.lines.items())
    assert unchanging(printed) in unchanging(section("A five-minute tour"))


def test_every_dependency_has_its_reason() -> None:
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| (.*?) \|", section("Dependencies"), re.MULTILINE))))
    for file in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        pinned = {re.split(r"[\[=]", line)[0] for line in lines if "==" in line and not line.startswith("types-")}
        assert pinned <= named
