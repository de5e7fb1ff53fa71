"""Stores what the last `check` found, in one item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.times import epoch_milliseconds
from .attributes import Attributes, well_formed
from .keys import CHECK_KEY
from .table import Table

MOST_STORED = 100
"""Problems that are stored; all are counted."""


@dataclass(frozen=True, slots=True)
class CheckedProblem:
    """A problem of a check: what it is about (`account paris`), what is wrong, and what to do."""

    about: str
    problem: str
    do: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """When a check was made, how many problems it found, and the first of them."""

    at: datetime
    count: int
    problems: tuple[CheckedProblem, ...]


class CheckResultStore:
    """Keeps the result of the last check."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, at: datetime, problems: Sequence[CheckedProblem]) -> None:
        """Replaces the last result. Raises LedgerUnavailable."""
        stored = problems[:MOST_STORED]
        values = {
            "at": epoch_milliseconds(at),
            "count": len(problems),
            "about": [each.about for each in stored],
            "problems": [each.problem for each in stored],
            "remedies": [each.do for each in stored],
        }
        change = ", ".join(f"#{name} = :{name}" for name in values)
        self._table.update(CHECK_KEY, f"SET {change}", values, names={name: name for name in values})

    def read(self) -> CheckResult | None:
        """Reads the last result; None before the first. Raises LedgerUnavailable."""
        item = self._table.get(CHECK_KEY)
        return None if item is None else well_formed(_result_from, item)


def _result_from(item: Attributes) -> CheckResult:
    columns = [item.required(name, list[str]) for name in ("about", "problems", "remedies")]
    problems = tuple(CheckedProblem(*row) for row in zip(*columns, strict=False))
    return CheckResult(item.required("at", datetime), item.required("count", int), problems)
