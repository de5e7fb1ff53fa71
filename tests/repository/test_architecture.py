"""Documents and code agree: functions of the step-by-step walk, packages, terms, log messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WALK = "A signup and an unsubscribe, step by step"
LOG_MESSAGES = "Log messages an operator may meet"
LEVELS = {"info", "warning", "error", "exception", "critical"}
"""Methods of the logger at INFO or above."""


def text_of(document: Path, title: str) -> str:
    """Returns a section of a document: from its title to the next one of the same or a higher level."""
    text = document.read_text(encoding="utf-8")
    start = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert start, f"{document.name} has no section {title}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows_of(section: str) -> list[list[str]]:
    """Returns the cells of the table rows of a section, without the header."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def has(path: str, name: str) -> bool:
    """True if the file defines this function, class or `Class.method`."""
    body: list[ast.stmt] = tree_of(path).body
    for part in name.split("."):
        found = [
            one
            for one in body
            if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and one.name == part
        ]
        if not found:
            return False
        body = found[-1].body
    return True


STEPS = sorted(set(re.findall(r"`([\w/]+\.py): ([\w.]+)`", text_of(DOCS / "architecture.md", WALK))))


def test_the_documented_walk_names_existing_steps() -> None:
    files = {path for path, _ in STEPS}
    assert "app.py" in files
    for package in ("web", "ingestion", "ledger", "notification", "delivery", "domain", "providers", "reconciliation"):
        assert any(path.startswith(f"chalicelib/{package}/") for path in files), package


@pytest.mark.parametrize(("path", "name"), STEPS, ids=[f"{path}: {name}" for path, name in STEPS])
def test_a_step_names_existing_code(path: str, name: str) -> None:
    assert (ROOT / path).is_file()
    assert has(path, name)


PAGES = ["architecture.md", "glossary.md", "alarms.md", "deployment.md", "logs-and-metrics.md", "runbooks.md"]


@pytest.mark.parametrize("document", PAGES)
def test_documented_files_exist(document: str) -> None:
    text = (DOCS / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:chalicelib/|\.chalice/)?[\w/]+\.(?:py|json))\b[^`]*`", text))
    assert named
    for path in named:
        places = [ROOT / path, ROOT / "chalicelib" / path, *(ROOT / "chalicelib").glob(f"*/{path}")]
        assert any(place.is_file() for place in places), f"{document} names {path}"


def test_documented_packages_match_the_code() -> None:
    packages = {path.parent.name for path in (ROOT / "chalicelib").glob("*/__init__.py")}
    listed = {row[0].strip("`") for row in rows_of(text_of(DOCS / "architecture.md", "One package per feature"))}
    modules = {"aws", "container", "initialisation", "provider_clients", "services", "web_container"}
    assert listed == packages | modules
    block = text_of(ROOT / "CONTRIBUTING.md", "Where things are")
    assert {name for name in packages if re.search(rf"\b{name}/", block)} == packages


@pytest.mark.seconds
def test_glossary_terms_exist_in_the_code() -> None:
    rows = rows_of(text_of(DOCS / "glossary.md", "Glossary"))
    assert len(rows) > 20
    named = {pair for row in rows for pair in re.findall(r"`([\w/]+\.py): ([\w.]+)`", row[2])}
    missing = [(path, name) for path, name in sorted(named) if not has(f"chalicelib/{path}", name)]
    assert not missing


def logged_messages(path: Path) -> Iterator[tuple[str, str]]:
    """Yields level and literal text of each message that a file logs at INFO or above.

    It finds calls of the logger, of a name bound to one of its methods, and calls with such a method as an argument
    (`_say(logger.warning, "…")`).
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    methods: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            methods.setdefault(node.targets[0].id, set()).update(levels_in(node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        own = levels_in(node.func) if isinstance(node.func, ast.Attribute) else set[str]()
        if isinstance(node.func, ast.Name):
            own = methods.get(node.func.id, set())
        given = {level for one in node.args if isinstance(one, ast.Attribute) for level in levels_in(one)}
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        for level in own | given:
            if texts:
                yield "error" if level in ("exception", "critical") else level, texts[0].replace("%s", "…")


def levels_in(node: ast.AST) -> set[str]:
    """Returns the methods in `LEVELS` of a `logger` that an expression names, without those inside calls."""
    if isinstance(node, ast.Call):
        return set()
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "logger":
        return {node.attr} & LEVELS
    return {level for child in ast.iter_child_nodes(node) for level in levels_in(child)}


@pytest.mark.seconds
def test_every_log_message_is_documented() -> None:
    logged: dict[str, set[str]] = {}
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        for level, text in logged_messages(path):
            logged.setdefault(text, set()).add(level)
    assert len(logged) > 20
    explained = {
        text: set(re.findall(r"error|warning|info", row[1]))
        for row in rows_of(text_of(DOCS / "logs-and-metrics.md", LOG_MESSAGES))
        for text in re.findall(r"`([^`]+)`", row[0])
    }
    missing = {text: levels for text, levels in logged.items() if explained.get(text) != levels}
    assert not missing, f"docs/logs-and-metrics.md, {LOG_MESSAGES}"
    not_literal = {"accepted", "delivered", "superseded", "parked", "refused"}  # a status is its own message
    gone = {text for text, levels in explained.items() if levels} - set(logged) - not_literal
    assert not gone, "not logged any more"


CODE = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py")), *sorted((ROOT / "local").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.seconds
def test_no_file_has_more_than_400_lines_and_no_function_more_than_50() -> None:
    """Split by meaning what grows beyond: a file by what its parts are about, a function by steps that have a name.

    Files of tests have the same limit; their functions have none.
    """
    trees = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in [*CODE, *TESTS]}
    assert {path: lines for path, text in trees.items() if (lines := text.count("\n")) > 400} == {}
    functions = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path in [str(path.relative_to(ROOT)) for path in CODE]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert len(functions) > 2000
    assert {name: lines for name, lines in functions.items() if lines > 50} == {}
