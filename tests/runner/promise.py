"""The first line of a failure: what the product promised, from `promises.toml`, else in the test's own words."""

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
    """A promise of the product: what it says, and which tests of `make test` show it."""

    name: str
    says: str
    tests: tuple[str, ...]


@cache
def promises() -> tuple[Promise, ...]:
    """Every promise that is listed."""
    listed: Mapping[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Promise(name, one["says"], tuple(one["tests"])) for name, one in listed.items())


def of(item: pytest.Item) -> str:
    """What a test shows: the promises that name it, else its docstring's first line, else its name."""
    node = item.nodeid.partition("[")[0]
    found = [one.says for one in promises() if node in one.tests]
    if found:
        return " ".join(found)
    told = str(getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().partition("\n")[0]
    return told or str(getattr(item, "originalname", None) or item.name).removeprefix("test_").replace("_", " ")


def put_first(report: Any, words: str) -> None:
    """Make `words` the first line of a failed report."""
    line = f"Promised: {words}"
    if isinstance(report.longrepr, ExceptionChainRepr):
        report.longrepr.chain[0][0].reprentries.insert(0, ReprEntry([line, ""], None, None, None, "long"))
    else:
        report.longrepr = f"{line}\n\n{report.longrepr}"
