"""The first line of a failure: the promise of the product from `promises.toml`, else the test's docstring or name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntry

FILE = Path(__file__).parent.parent / "promises.toml"


@dataclass(frozen=True)
class Promise:
    """A promise of the product: its text, and the tests of `make test` that cover it."""

    name: str
    says: str
    tests: tuple[str, ...]


@cache
def promises() -> tuple[Promise, ...]:
    """Return every promise that is listed."""
    listed: Mapping[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Promise(name, one["says"], tuple(one["tests"])) for name, one in listed.items())


def of(item: pytest.Item) -> str:
    """Return what a test shows: the promises that name it, else its docstring's first line, else its name."""
    node = item.nodeid.partition("[")[0]
    found = [one.says for one in promises() if node in one.tests]
    if found:
        return " ".join(found)
    documented = str(getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().partition("\n")[0]
    return documented or str(getattr(item, "originalname", None) or item.name).removeprefix("test_").replace("_", " ")


def put_first(report: Any, text: str) -> None:
    """Make `text` the first line of a failed report."""
    line = f"Promised: {text}"
    if isinstance(report.longrepr, ExceptionChainRepr):
        report.longrepr.chain[0][0].reprentries.insert(0, ReprEntry([line, ""], None, None, None, "long"))
    else:
        report.longrepr = f"{line}\n\n{report.longrepr}"
