"""The rows of a CSV file, read as it comes. A bad row is told by its line and costs nobody else theirs."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..domain.texts import safe_name, text_mistake
from ..jobs.errors import SyncRefused
from .text import LONGEST_LINE, Line, decoded, lines

SEPARATORS = ";,\t"
_QUOTED = re.compile(r'"[^"]*"?')
_LONGEST_NAME = 200
_TOO_LONG = f"is longer than {LONGEST_LINE // 1024} KB"
_BAD_QUOTES = "has a quotation mark that is not closed, or that does not stand round a whole value"


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number (its first line's, or its place among inline contacts), and what is wrong with it, if so.

    `values` are those of the columns that have a name, without the empty ones.
    """

    number: int
    values: Mapping[str, str] = field(default_factory=dict)
    mistake: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns, and the rows as they come. `unit` is what a row's number counts."""

    columns: Sequence[str]
    rows: Iterator[Row]
    unit: str


def read_csv(chunks: Iterable[bytes]) -> Rows:
    """The rows of a CSV file (RFC 4180) whose first line names the columns.

    The separator is the one of `;`, `,` and tab that stands most often in that line. Lines that are empty, or have
    empty values only, are no rows; a column without a name is passed over.

    Raises:
        SyncRefused: There is no line, it is a page instead, or a column stands twice.
    """
    reader = _Reader(lines(decoded(chunks)))
    separator, header = reader.header()
    return Rows([name for name in header if name], reader.rows(separator, header), "line")


class _Reader:
    """Records of one or more lines; the lines after the first of a bad one are read again by themselves."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._again: deque[Line] = deque()

    def header(self) -> tuple[str, list[str]]:
        """The separator, and the names of the columns."""
        for line in iter(self._line, None):
            text = line.text or ""
            if line.text is not None and not text.strip():
                continue
            if text.lstrip().startswith("<"):
                raise SyncRefused("a page came instead of a CSV file")
            outside = _QUOTED.sub("", text)
            separator = max(SEPARATORS, key=outside.count)
            names = self._record(line, separator)
            if isinstance(names, str):
                raise SyncRefused(f"line {line.number}, which should name the columns, {names}")
            return separator, _checked(line.number, [name.strip() for name in names])
        raise SyncRefused("the file is empty")

    def rows(self, separator: str, header: Sequence[str]) -> Iterator[Row]:
        """All that is not blank."""
        for line in iter(self._line, None):
            taken: list[Line] = []
            values = self._record(line, separator, taken)
            if isinstance(values, str):
                yield Row(line.number, mistake=values)
            elif any(value and not value.isspace() for value in values):
                yield self._row(line, values, header, taken)

    def _row(self, line: Line, values: Sequence[str], header: Sequence[str], taken: Sequence[Line]) -> Row:
        if len(values) != len(header):
            self._again.extendleft(reversed(taken))
            return Row(line.number, mistake=f"has {len(values)} values for {len(header)} columns")
        named = {
            name: value for name, value in zip(header, values, strict=True) if name and value and not value.isspace()
        }
        for name, value in named.items():
            mistake = None if value.isprintable() else text_mistake(value)
            if mistake is not None:
                return Row(line.number, mistake=f"{safe_name(name)} {mistake}")
        return Row(line.number, named)

    def _record(self, line: Line, separator: str, taken: list[Line] | None = None) -> list[str] | str:
        """The values of the record that begins with `line`, or what is wrong with it. `taken`: its other lines."""
        if line.text is None:
            return _TOO_LONG
        if '"' not in line.text:
            return line.text.rstrip("\r\n").split(separator)
        more = [] if taken is None else taken
        try:
            return next(csv.reader(self._with_more(line.text, more), delimiter=separator, strict=True))
        except csv.Error:
            # Most often a stray quotation mark, which would take all that follows with it.
            self._again.extendleft(reversed(more))
            more.clear()
            return _BAD_QUOTES

    def _with_more(self, text: str, taken: list[Line]) -> Iterator[str]:
        yield text
        size = len(text)
        for line in iter(self._line, None):
            taken.append(line)
            size += len(line.text or "")
            if line.text is None or size > LONGEST_LINE:
                raise csv.Error
            yield line.text

    def _line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._source, None)


def _checked(number: int, names: list[str]) -> list[str]:
    """The names of columns, once each is usable and stands there once; "" where a column has none."""
    seen: set[str] = set()
    for name in filter(None, names):
        if len(name) > _LONGEST_NAME or text_mistake(name):
            raise SyncRefused(f"line {number}, which should name the columns, holds something else")
        if name in seen:
            raise SyncRefused(f"line {number} names the column {safe_name(name)} twice")
        seen.add(name)
    if not seen:
        raise SyncRefused(f"line {number} names no column")
    return names
