"""Reads the rows of a CSV file as a stream, with at most one window or row in memory.

A bad row is reported by its line and does not affect other rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ..domain.limits import EVENT_KB, NAME_CHARACTERS
from ..domain.texts import safe_name, text_error
from ..jobs.errors import SyncRefused

WINDOW = 64 * 1024
"""Bytes, from the first non-ASCII one, by which UTF-8 is distinguished from Windows-1252."""
LONGEST_LINE = EVENT_KB * 1024
"""Characters of a line, and of a row of several lines: an event stores no more."""

_UTF_8_MARK = codecs.BOM_UTF8
# The mark of UTF-32 little-endian begins with that of UTF-16.
_OTHER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_LINE_END = re.compile(r"(\r\n|\r|\n)")
_CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""A character for each byte; the five undefined in Windows-1252 are Latin-1 control characters."""

SEPARATORS = ";,\t"
_QUOTED = re.compile(r'"[^"]*"?')
_TOO_LONG = f"is longer than {EVENT_KB} KB"
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
    """Reads a CSV file (RFC 4180) whose first line names the columns.

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
        """Reads the separator and the names of the columns."""
        for line in iter(self._line, None):
            text = line.text or ""
            if line.text is not None and not text.strip():
                continue
            if text.lstrip().startswith("<"):
                raise SyncRefused("an HTML page instead of a CSV file")
            outside = _QUOTED.sub("", text)
            separator = max(SEPARATORS, key=outside.count)
            names = self._record(line, separator, [])
            if isinstance(names, str):
                raise SyncRefused(f"line {line.number}, which should name the columns, {names}")
            return separator, _checked(line.number, [name.strip() for name in names])
        raise SyncRefused("the file is empty")

    def rows(self, separator: str, header: Sequence[str]) -> Iterator[Row]:
        """Yields all rows that are not blank."""
        for line in iter(self._line, None):
            rest: list[Line] = []
            values = self._record(line, separator, rest)
            if isinstance(values, str):
                yield Row(line.number, error=values)
            elif any(value and not value.isspace() for value in values):
                yield self._row(line, values, header, rest)

    def _row(self, line: Line, values: Sequence[str], header: Sequence[str], rest: Sequence[Line]) -> Row:
        if len(values) != len(header):
            self._again.extendleft(reversed(rest))
            return Row(line.number, error=f"has {len(values)} values for {len(header)} columns")
        named = {
            name: value for name, value in zip(header, values, strict=True) if name and value and not value.isspace()
        }
        for name, value in named.items():
            error = None if value.isprintable() else text_error(value)
            if error is not None:
                return Row(line.number, error=f"{safe_name(name)} {error}")
        return Row(line.number, named)

    def _record(self, line: Line, separator: str, rest: list[Line]) -> list[str] | str:
        """Returns the values of the record that starts with `line`, or its error. `rest` collects its other lines."""
        if line.text is None:
            return _TOO_LONG
        if '"' not in line.text:
            return line.text.rstrip("\r\n").split(separator)
        try:
            return next(csv.reader(self._with_more(line.text, rest), delimiter=separator, strict=True))
        except csv.Error:
            # Most often a stray quotation mark, which would swallow all that follows.
            self._again.extendleft(reversed(rest))
            rest.clear()
            return _BAD_QUOTES

    def _with_more(self, text: str, rest: list[Line]) -> Iterator[str]:
        yield text
        size = len(text)
        for line in iter(self._line, None):
            rest.append(line)
            size += len(line.text or "")
            if line.text is None or size > LONGEST_LINE:
                raise csv.Error
            yield line.text

    def _line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._source, None)


def _checked(number: int, names: list[str]) -> list[str]:
    """Returns the column names, checked to be usable and unique; "" where a column has none."""
    seen: set[str] = set()
    for name in filter(None, names):
        if len(name) > NAME_CHARACTERS or text_error(name):
            raise SyncRefused(f"line {number}, which should name the columns, holds something else")
        if name in seen:
            raise SyncRefused(f"line {number} names the column {safe_name(name)} twice")
        seen.add(name)
    if not seen:
        raise SyncRefused(f"line {number} names no column")
    return names


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decodes a file in UTF-8, with or without a byte order mark, or else in Windows-1252 (which includes Latin-1).

    The encoding is decided at the first non-ASCII byte: it is UTF-8 if the next 64 KB hold at least as many UTF-8
    characters as invalid bytes, so that one broken character does not garble a whole file. An invalid byte becomes a
    lone surrogate.

    Raises:
        SyncRefused: It is UTF-16 or UTF-32.
    """
    pieces = iter(chunks)
    head = _at_least(4, pieces)
    if head.startswith(_OTHER_MARKS):
        raise SyncRefused("the file is in UTF-16: save it as CSV in UTF-8")
    if head.startswith(_UTF_8_MARK):
        return _utf_8(chain([head.removeprefix(_UTF_8_MARK)], pieces))
    return _detected(chain([head], pieces))


def _at_least(size: int, pieces: Iterator[bytes]) -> bytes:
    """Reads at least that many bytes; fewer only at the end of the file."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= size:
            break
    return bytes(gathered)


def _detected(pieces: Iterator[bytes]) -> Iterator[str]:
    for piece in pieces:
        found = _NOT_ASCII.search(piece)
        if found is None:
            yield piece.decode("ascii")
            continue
        yield piece[: found.start()].decode("ascii")
        window = _at_least(WINDOW, chain([piece[found.start() :]], pieces))
        decode = _utf_8 if _is_utf_8(window[:WINDOW]) else _cp1252
        yield from decode(chain([window], pieces))


def _is_utf_8(window: bytes) -> bool:
    at_end = len(window) < WINDOW
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(window, final=at_end)
    invalid = sum("\udc80" <= character <= "\udcff" for character in text)
    return sum(character > "\x7f" for character in text) >= 2 * invalid


def _utf_8(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _cp1252(pieces: Iterable[bytes]) -> Iterator[str]:
    for piece in pieces:
        yield codecs.charmap_decode(piece, "strict", _CP1252)[0]


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line ending and its number from 1; `text` is None when it is too long."""

    number: int
    text: str | None


def lines(texts: Iterable[str]) -> Iterator[Line]:
    """Splits a text into lines; Windows, Unix and classic Mac line endings."""
    # Buffers a \r until it is known whether a \n follows it.
    whole_ends = io.IncrementalNewlineDecoder(None, translate=False)
    parts: list[str] = []
    number = size = 0
    for text in chain(texts, [None]):
        pieces = _LINE_END.split(whole_ends.decode(text or "", final=text is None))
        for content, end in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
            size += len(content)
            if size <= LONGEST_LINE:
                parts.append(content)
            if end:
                number += 1
                yield Line(number, "".join([*parts, end]) if size <= LONGEST_LINE else None)
                size = 0
                parts.clear()
    if size:
        yield Line(number + 1, "".join(parts) if size <= LONGEST_LINE else None)
