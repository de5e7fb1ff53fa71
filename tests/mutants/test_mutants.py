"""The table of mutants fits the sources and the tests, and the runner distinguishes killed mutants from survivors."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.mutants.__main__ import report
from tests.mutants.running import ROOT, Mutant, run_one
from tests.mutants.table import MUTANTS

PROMISES = range(1, 7)


@cache
def source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse(source(file))


@cache
def dumped(file: str) -> str:
    return ast.dump(parsed(file))


@pytest.mark.seconds
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_exactly_one_place(mutant: Mutant) -> None:
    assert mutant.occurrences() == 1, (
        f"{mutant.before!r} must occur once in {mutant.file}; where the line changed, adapt the mutant in tests/mutants"
    )
    changed = source(mutant.file).replace(mutant.before, mutant.after)
    assert ast.dump(ast.parse(changed)) != dumped(mutant.file)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_names_tests_that_exist(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        file, *names = test.split("::")
        body: list[ast.stmt] = parsed(file).body
        for name in names:
            found = [one for one in body if isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name == name]
            assert len(found) == 1, f"{test} does not exist"
            body = found[0].body


def test_names_are_unique_and_every_promise_has_mutants() -> None:
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []
    assert {mutant.promise for mutant in MUTANTS} == set(PROMISES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small checkout: a product, and a test of it."""
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "__init__.py").write_text("")
    (tmp_path / "chalicelib" / "prices.py").write_text("def total(a, b):\n    return a + b\n")
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_prices.py").write_text(
        "import pytest\n"
        "from chalicelib.prices import total\n"
        "@pytest.mark.slow\n"
        "def test_slow():\n    assert total(2, 2) == 4 and total(3, 1) == 4\n"
        "def test_total():\n    assert total(2, 2) == 4\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\npythonpath = ['.']\nmarkers = ['slow: not here']\n"
        "addopts = '--import-mode=importlib'\n"
    )
    for name in ("__init__.py", "plugin.py"):
        target = tests / "mutants" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text((ROOT / "tests" / "mutants" / name).read_text(encoding="utf-8"))
    (tests / "__init__.py").write_text("")
    return tmp_path


def mutant(before: str, after: str) -> Mutant:
    """Return a change of the small product."""
    return Mutant("m", 1, "adds wrongly", "chalicelib/prices.py", before, after, ("tests/test_prices.py",))


@pytest.mark.server
def test_a_failed_assertion_kills_a_mutant(project: Path) -> None:
    outcome = run_one(mutant("a + b", "a - b"), project)
    assert (outcome.killed_by, outcome.failure) == ("tests/test_prices.py::test_total", None)
    assert "a + b" in (project / "chalicelib" / "prices.py").read_text(), "only a copy is changed"


@pytest.mark.server
@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("a + b", "a * b", None),  # only a slow test would detect it
        ("def total", "def sum_of", "ImportError"),
        ("a + b", "a + b + missing", "NameError"),
        ("a - b", "a + b", "occurs 0 times"),
    ],
)
def test_a_mutant_without_a_failed_assertion_survives(project: Path, before: str, after: str, why: str | None) -> None:
    outcome = run_one(mutant(before, after), project)
    assert outcome.killed_by is None
    assert outcome.failure is None if why is None else why in (outcome.failure or "")


def test_survivors_and_broken_tests_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.mutants import __main__ as command
    from tests.mutants.running import Outcome

    detected, survived, failing = Outcome(1.0, killed_by="t"), Outcome(1.0, passed=3), Outcome(1.0, failure="broken")
    one = mutant("a", "b")
    for judged, plain, status in [(detected, survived, 0), (survived, survived, 1), (detected, failing, 1)]:
        monkeypatch.setattr(command, "run_one", lambda *_, given=judged: given)
        monkeypatch.setattr(command, "unchanged", lambda *_, given=plain: given)
        assert report([one], 1) == status
