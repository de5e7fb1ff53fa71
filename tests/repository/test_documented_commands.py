"""Every command of the documents is run by a named test, or it is named with the reason why no test can run it."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session

from chalicelib.config.load import Document, settings_of
from chalicelib.ingestion.parse_event import parse_event
from local import __main__ as local_commands
from local.sandbox import SAMPLE_FILE
from tests.support.documents import (
    COMMANDS,
    DOCS,
    NOT_RUN,
    REGISTER,
    ROOT,
    command_blocks,
    fenced,
    in_lines,
    pages,
    register,
    runners,
)

FORM = "form of: "
"""An entry of `in_lines` for what is no command but the form of one, with NAME or FILE for what differs."""
FIXTURE = "documented"
PAGES = [page for page in pages() if fenced(page)]


@cache
def parsed(file: str) -> ast.Module:
    path = ROOT / file
    return ast.parse(path.read_text("utf-8") if path.is_file() else "")


def flaw_of(entry: str, page: str) -> str:
    """Return what is wrong with an entry of the register, or nothing."""
    if entry.startswith(NOT_RUN):
        return "" if len(entry) > len(NOT_RUN) + 10 else "says no reason"
    file, _, name = entry.partition("::")
    found = [node for node in parsed(file).body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found:
        return f"{entry} is no test" if entry else "has no entry"
    takes = FIXTURE in {one.arg for one in found[0].args.args}
    reads = page.rpartition("/")[2] in {one.value for one in ast.walk(parsed(file)) if isinstance(one, ast.Constant)}
    return "" if takes or reads else f"{name} does not take the fixture `{FIXTURE}`, and {file} does not read the page"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_commands_is_run_or_says_why_not(page: str) -> None:
    flaws = [
        f'[blocks."{page}"]\n"{block.heading}" {flaw}:\n{block.text}'
        for block, entry in runners(page)
        if (flaw := flaw_of(entry, page))
    ]
    assert not flaws, f"say in {REGISTER.name} which test runs them:\n\n" + "\n".join(flaws)


def test_every_command_in_a_line_of_text_is_run_or_says_why_not() -> None:
    run_in_blocks = {
        line.partition("  #")[0].strip()
        for page in pages()
        for block, entry in runners(page)
        if not entry.startswith(NOT_RUN)
        for line in block.text.splitlines()
    }
    named = register()[1]
    found = {command: page for page in pages() for command in in_lines(page) if command not in run_in_blocks}
    flaws = {
        f"{page}: `{command}` {flaw}"
        for command, page in found.items()
        if not named.get(command, "").startswith(FORM) and (flaw := flaw_of(named.get(command, ""), page))
    }
    assert not flaws, f"say in [in_lines] of {REGISTER.name} which test runs them:\n" + "\n".join(sorted(flaws))
    needless = sorted(named.keys() - found.keys())
    assert not needless, "these are in no document, or run as a line of a block"


def test_the_register_names_no_block_that_is_not_there() -> None:
    for page, entries in register()[0].items():
        there: dict[str, int] = {}
        for block in command_blocks(page) if page in pages() else ():
            there[block.heading] = there.get(block.heading, 0) + (not block.mark)
        for heading, entry in entries.items():
            assert there if heading == "*" else there.get(heading), f"{page} has no commands below {heading!r}"
            assert isinstance(entry, str) or len(entry) == there[heading], f"{page}, {heading}: one for each block"


@pytest.mark.seconds
def test_forms_of_commands_are_those_of_the_commands_usage() -> None:
    usage = re.sub(r"\s+", " ", local_commands.USAGE)
    for command, entry in register()[1].items():
        if entry.startswith(FORM):
            words = command.split()
            if words[0] == "aws":
                assert words[1] in get_session().get_available_services(), command
                if len(words) == 2:
                    continue
                client = get_session().create_client(words[1], region_name="eu-west-3")
                assert words[2] in {xform_name(name, "-") for name in client.meta.service_model.operation_names}
                continue
            start = words.index("local")
            assert words[start - 1] == "-m"
            assert f"python -m local {words[start + 1]} " in usage, command
            options = {word.strip("[]") for word in words[start + 2 :] if word.strip("[]").startswith("--")}
            [line] = re.findall(rf"python -m local {words[start + 1]} ([^;]*?)(?= python -m |$| one | the )", usage)
            assert options <= set(re.findall(r"--[\w-]+", line)), command


def test_commands_of_make_have_a_target() -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = [line for page in pages() for block in command_blocks(page) for line in block.text.splitlines()]
    shown += [command for page in pages() for command in in_lines(page)]
    named = {name for line in shown for name in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", line.strip())}
    assert named
    assert named <= targets


# --- what is no command ---


@pytest.mark.parametrize("page", PAGES)
def test_blocks_say_their_language(page: str) -> None:
    known = {*COMMANDS, "text", "toml", "json", "html", "python", "php", "javascript", "mermaid", "csv", "xml", "http"}
    assert {block.language for block in fenced(page)} <= known, "commands are `sh`, what they print is `text`"


def with_blocks_in(language: str) -> list[str]:
    """Return the pages with blocks in a language."""
    return [page for page in PAGES if any(block.language == language for block in fenced(page))]


@cache
def sample() -> dict[str, Any]:
    """What a part of a configuration may name: the sample world, and what the guides add to it."""
    values = tomllib.loads(SAMPLE_FILE.read_text("utf-8")) | {"mail": {"from": "lettre@example.com"}}
    del values["sandbox"]
    crm = {"provider": "webhook", "url": "https://crm.example.com/relais", "secret": "whsec_" + "c2VjcmV0" * 5}
    values["accounts"]["crm"] = crm
    values["sources"] = {"crm": {"url": "https://crm.example.com/export.csv", "account": "paris", "list": "4781"}}
    values["api"]["public_url"] = "https://relais.example.com"
    return values


def values_in(text: str) -> Iterator[Any]:
    """Yield the JSON values of a text, one after the other."""
    while text := text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


@pytest.mark.parametrize("page", with_blocks_in("json"))
def test_blocks_of_json_are_json_and_events_are_valid(page: str) -> None:
    settings = settings_of(Document(SAMPLE_FILE, "", sample()), {})
    now = datetime(2026, 11, 27, tzinfo=UTC)
    for block in fenced(page):
        for value in values_in(block.text) if block.language == "json" else ():
            if isinstance(value, dict) and "type" in value and not value.keys() & {"status", "data"}:
                parse_event(value, settings, default_id="documented", default_occurred_at=now, accepted_at=now)


@pytest.mark.parametrize("page", with_blocks_in("python"))
def test_blocks_of_python_compile(page: str) -> None:
    for block in fenced(page):
        if block.language == "python":
            compile(block.text, page, "exec")


# --- the path of an hour ---

STEP = re.compile(r"^\| (\d) \| \[[^\]]+\]\(([^)]+)\).* \| (\d+) \|$", re.MULTILINE)


def test_the_path_takes_an_hour_and_leads_from_page_to_page() -> None:
    steps = STEP.findall((DOCS / "README.md").read_text("utf-8"))
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert sum(int(minutes) for _, _, minutes in steps) == 60
    for (number, link, minutes), following in zip(steps, [*steps[1:], None], strict=True):
        file, _, anchor = link.partition("#")
        page = (DOCS / file).resolve()
        text = page.read_text("utf-8")
        if anchor:  # a section of the README
            [text] = re.findall(
                rf"^## {anchor.replace('-', '.')}\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE | re.I
            )
        assert re.search(rf"^\*Step {number} of {len(steps)}, {minutes} minutes[^*]*\.\* After ", text, re.MULTILINE), (
            file
        )
        last = text.strip().splitlines()[-1]
        if following is not None:
            [(target, _)] = re.findall(r"^\*\*Next:\*\* \[[^\]]+\]\(([^)#]+)(#[^)]+)?\)", last)
            assert (page.parent / target).resolve() == (DOCS / following[1].partition("#")[0]).resolve(), last
