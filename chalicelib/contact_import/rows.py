"""Reads the rows of a CSV file as a stream, with at most one window or row in memory.

A bad row is reported by its line and does not affect other rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ..domain.limits import EVENT_KB, NAME_CHARACTERS
from ..domain.texts import safe_name, text_error
from ..jobs.errors import SyncRefused

WINDOW = 64 * 1024
"""Bytes, from the first non-ASCII one, by which UTF-8 is distinguished from Windows-1252."""
LONGEST_LINE = EVENT_KB * 1024
"""Characters of a line, and of a row of several lines: an event stores no more."""

# The mark of UTF-32 little-endian begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Without a mark: two Latin letters.
_WITHOUT_MARK = (
    (re.compile(rb"[\t\n\r -~]\0[\t\n\r -~]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"\0[\t\n\r -~]\0[\t\n\r -~]", re.DOTALL), "utf-16-be"),
)
# More byte order marks before the first line's text, also one decoded as Latin-1, and white space other than tabs.
_BEFORE_TEXT = re.compile(r"(?:\ufeff|ï»¿|[^\S\t])+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_LINE_END = re.compile(r"(\r\n|\r|\n)")
_CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""A character for each byte; the five undefined in Windows-1252 are Latin-1 control characters."""

SEPARATORS = ";,\t|"
_STATED_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
"""A first line in which a spreadsheet names the separator."""
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

    The separator is the most frequent of `;`, `,`, tab and `|` in that line, or what a line `sep=;` before it says.
    Lines that are empty, or have empty values only, are skipped; a column without a name is ignored. Values that a row
    lacks at its end are empty; empty values beyond the last column are dropped.

    Raises:
        SyncRefused: There is no line, it is a page (it begins with a tag), or a column occurs twice.
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
        stated = ""
        for line in iter(self._line, None):
            before = _BEFORE_TEXT.match(line.text or "")
            text = (line.text or "")[before.end() if before else 0 :]
            if line.text is not None and not text.strip():
                continue
            if text.lstrip().startswith("<"):
                raise SyncRefused("an HTML page instead of a CSV file")
            if not stated and (found := _STATED_SEPARATOR.fullmatch(text)):
                stated = found[1]
                continue
            outside = _QUOTED.sub("", text)
            separator = stated or max(SEPARATORS, key=outside.count)
            names = self._record(line if line.text is None else replace(line, text=text), separator, [])
            if isinstance(names, str):
                raise SyncRefused(f"line {line.number}, which should name the columns, {names}")
            return separator, _checked(line.number, [_column_name(name) for name in names])
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
        # A short row of several lines has a quotation mark that something further down closes by chance.
        short, more = len(values) < len(header), values[len(header) :]
        if (short and rest) or any(value and not value.isspace() for value in more):
            self._again.extendleft(reversed(rest))
            return Row(line.number, error=f"has {len(values)} values for {len(header)} columns")
        named = {
            name: value for name, value in zip(header, values, strict=False) if name and value and not value.isspace()
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
            values = next(csv.reader(self._with_more(line.text, rest), delimiter=separator, strict=True))
            if any(value[:1].isspace() and value.lstrip().startswith('"') for value in values):
                return _loosely_quoted(line.text, separator) or values
            return values
        except csv.Error:
            # Most often a stray quotation mark, which would swallow all that follows.
            self._again.extendleft(reversed(rest))
            rest.clear()
            return _loosely_quoted(line.text, separator) or _BAD_QUOTES

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


def _loosely_quoted(text: str, separator: str) -> list[str] | None:
    """Reads a line with blanks between separators and quotation marks; None if it has another mistake."""
    at = re.escape(separator)
    value = re.compile(rf'(?:[ \u00a0]*"((?:[^"]|"")*)"[ \u00a0]*|([^"{at}]*))({at}|\Z)')
    line, values, start = text.rstrip("\r\n"), [], 0
    while (found := value.match(line, start)) is not None:
        values.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        if not found[3]:
            return values
        start = found.end()
    return None


def _column_name(written: str) -> str:
    """Returns a column's name without invisible characters, trimmed, and with single spaces; accents are kept."""
    shown = "".join(each for each in unicodedata.normalize("NFC", written) if unicodedata.category(each) != "Cf")
    return re.sub(r"[^\S\r\n]+", " ", shown).strip()


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
    """Decodes a file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or else in Windows-1252.

    Windows-1252 includes Latin-1. UTF-16 without a mark is known by its first letters. Otherwise the encoding is
    decided at the first non-ASCII byte: it is UTF-8 if the next 64 KB hold at least as many UTF-8 characters as invalid
    bytes, so that one broken character does not garble a whole file. An invalid byte becomes a lone surrogate.
    """
    pieces = iter(chunks)
    head = _at_least(4, pieces)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _in_encoding(encoding, chain([head.removeprefix(mark)], pieces))
    for letters, encoding in _WITHOUT_MARK:
        if letters.match(head):
            return _in_encoding(encoding, chain([head], pieces))
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
    return _in_encoding("utf-8", pieces)


def _in_encoding(encoding: str, pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(
        "surrogateescape" if encoding == "utf-8" else _INVALID_AS_SURROGATE
    )
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _surrogate(error: UnicodeError) -> tuple[str, int]:
    """Stands for invalid bytes; surrogateescape cannot, because UTF-16 has valid bytes within invalid characters."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udc80", error.end


_INVALID_AS_SURROGATE = "relais-surrogate"
codecs.register_error(_INVALID_AS_SURROGATE, _surrogate)


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
