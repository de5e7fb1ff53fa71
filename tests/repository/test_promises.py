"""Every promise is shown by tests of `make test`: those that `tests/promises.toml` names exist and are not slow."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.runner.promise import Promise, promises

ROOT = Path(__file__).resolve().parents[2]
SLOW = "pytest.mark.slow"


@cache
def in_file(file: str) -> dict[str, bool]:
    """The tests of a file as `test` or `Class::test`, each with whether all of it is slow."""
    path = ROOT / file
    if not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = any(isinstance(node, ast.Assign) and SLOW in ast.unparse(node.value) and _names(node) for node in tree.body)
    found = {}
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                decorators = [*function.decorator_list, *getattr(node, "decorator_list", ())]
                found[prefix + function.name] = whole or any(ast.unparse(one) == SLOW for one in decorators)
    return found


def _names(node: ast.Assign) -> bool:
    return [ast.unparse(target) for target in node.targets] == ["pytestmark"]


@pytest.mark.seconds
@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.name)
def test_promises_are_covered_by_tests_that_always_run(promise: Promise) -> None:
    assert promise.says
    assert promise.tests
    for test in promise.tests:
        file, _, name = test.partition("::")
        assert name in in_file(file), f"{test} is not there"
        assert not in_file(file)[name], f"{test} runs in `make test-all` only"
