"""Reads the rows of a CSV file as a stream. A bad row is reported by its line and does not affect other rows."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..domain.texts import safe_name, text_error
from ..jobs.errors import SyncRefused
from .text import LONGEST_LINE, Line, decoded, lines

SEPARATORS = ";,\t"
_QUOTED = re.compile(r'"[^"]*"?')
_LONGEST_NAME = 200
_TOO_LONG = f"is longer than {LONGEST_LINE // 1024} KB"
_BAD_QUOTES = "has a quotation mark that is not closed, or that does not stand round a whole value"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, its number (of its first line, or among the inline contacts), and its error, if any.

    `values` are the non-empty values of the named columns.
    """

    number: int
    values: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns, and a stream of rows. `unit` is what a row's number counts."""

    columns: Sequence[str]
    rows: Iterator[Row]
    unit: str


def read_csv(chunks: Iterable[bytes]) -> Rows:
    """Read a CSV file (RFC 4180) whose first line names the columns.

    The separator is the most frequent of `;`, `,` and tab in that line. Lines that are empty, or have empty values
    only, are skipped; a column without a name is ignored.

    Raises:
        SyncRefused: There is no line, it is an HTML page, or a column occurs twice.
    """
    reader = _Reader(lines(decoded(chunks)))
    separator, header = reader.header()
    return Rows([name for name in header if name], reader.rows(separator, header), "line")


class _Reader:
    """Reads records of one or more lines; after a bad record, its lines after the first are read again."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._again: deque[Line] = deque()

    def header(self) -> tuple[str, list[str]]:
        """Read the separator and the names of the columns."""
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
        """Yield all rows that are not blank."""
        for line in iter(self._line, None):
            taken: list[Line] = []
            values = self._record(line, separator, taken)
            if isinstance(values, str):
                yield Row(line.number, error=values)
            elif any(value and not value.isspace() for value in values):
                yield self._row(line, values, header, taken)

    def _row(self, line: Line, values: Sequence[str], header: Sequence[str], taken: Sequence[Line]) -> Row:
        if len(values) != len(header):
            self._again.extendleft(reversed(taken))
            return Row(line.number, error=f"has {len(values)} values for {len(header)} columns")
        named = {
            name: value for name, value in zip(header, values, strict=True) if name and value and not value.isspace()
        }
        for name, value in named.items():
            error = None if value.isprintable() else text_error(value)
            if error is not None:
                return Row(line.number, error=f"{safe_name(name)} {error}")
        return Row(line.number, named)

    def _record(self, line: Line, separator: str, taken: list[Line] | None = None) -> list[str] | str:
        """Return the values of the record that starts with `line`, or its error. `taken` collects its other lines."""
        if line.text is None:
            return _TOO_LONG
        if '"' not in line.text:
            return line.text.rstrip("\r\n").split(separator)
        more = [] if taken is None else taken
        try:
            return next(csv.reader(self._with_more(line.text, more), delimiter=separator, strict=True))
        except csv.Error:
            # Most often a stray quotation mark, which would swallow all that follows.
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
    """Return the column names, checked to be usable and unique; "" where a column has none."""
    seen: set[str] = set()
    for name in filter(None, names):
        if len(name) > _LONGEST_NAME or text_error(name):
            raise SyncRefused(f"line {number}, which should name the columns, holds something else")
        if name in seen:
            raise SyncRefused(f"line {number} names the column {safe_name(name)} twice")
        seen.add(name)
    if not seen:
        raise SyncRefused(f"line {number} names no column")
    return names
