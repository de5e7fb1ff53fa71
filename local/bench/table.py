"""The table that `make bench` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cell = float | str


@dataclass(frozen=True, slots=True)
class Row:
    """A measure and its figures, one a column: whole numbers are counts, others are shown to two places.

    `columns` heads them; rows that follow one another with the same columns share the heading.
    """

    what: str
    figures: Sequence[Cell]
    columns: Sequence[str]


def ratio(one: float, other: float) -> str:
    """Returns `one` as a multiple of `other`."""
    return f"× {one / other:.2f}" if other else "–"


def shown(heading: str, rows: Iterable[Row]) -> str:
    """Formats rows as lines with aligned columns under a heading."""
    lines: list[Sequence[str]] = []
    columns: Sequence[str] = ()
    for row in rows:
        if row.columns != columns:
            columns = row.columns
            lines.append(("", *columns))
        lines.append((row.what, *(_cell(figure) for figure in row.figures)))
    widths = [
        max((len(line[place]) for line in lines if place < len(line)), default=0) for place in range(_width(lines))
    ]
    return "\n".join([f"\n{heading}", *(_line(line, widths) for line in lines)])


def _width(lines: Sequence[Sequence[str]]) -> int:
    return max((len(line) for line in lines), default=0)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    aligned = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False)]
    return "  ".join(["  " + first.ljust(widths[0]), *aligned]).rstrip()


def _cell(figure: Cell) -> str:
    if isinstance(figure, str):
        return figure
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.2f}"
