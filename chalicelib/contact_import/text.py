"""Decodes a file's bytes to text and splits text into lines, as a stream with at most one window in memory."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from ..jobs.errors import SyncRefused

WINDOW = 64 * 1024
"""Bytes, from the first non-ASCII one, by which UTF-8 is distinguished from Windows-1252."""
LONGEST_LINE = 64 * 1024
"""Characters of a line, and of a row of several lines: an event stores no more."""

_UTF_8_MARK = codecs.BOM_UTF8
# The mark of UTF-32 little-endian begins with that of UTF-16.
_OTHER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_END = re.compile(r"\r\n|\r|\n")


def _cp1252() -> str:
    """Return a character for each byte; the five undefined in Windows-1252 are Latin-1 control characters."""
    table = (bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
    return "".join(table)


_CP1252 = _cp1252()


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decode a file in UTF-8, with or without a byte order mark, or else in Windows-1252 (which includes Latin-1).

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
    return _undecided(chain([head], pieces))


def _at_least(size: int, pieces: Iterator[bytes]) -> bytes:
    """Read at least that many bytes; fewer only at the end of the file."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= size:
            break
    return bytes(gathered)


def _undecided(pieces: Iterator[bytes]) -> Iterator[str]:
    for piece in pieces:
        found = _NOT_ASCII.search(piece)
        if found is None:
            yield piece.decode("ascii")
            continue
        yield piece[: found.start()].decode("ascii")
        window = _at_least(WINDOW, chain([piece[found.start() :]], pieces))
        decode = _utf_8 if _is_utf_8(window[:WINDOW]) else _windows
        yield from decode(chain([window], pieces))


def _is_utf_8(window: bytes) -> bool:
    at_end = len(window) < WINDOW
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(window, final=at_end)
    strange = sum("\udc80" <= character <= "\udcff" for character in text)
    return sum(character > "\x7f" for character in text) >= 2 * strange


def _utf_8(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _windows(pieces: Iterable[bytes]) -> Iterator[str]:
    for piece in pieces:
        yield codecs.charmap_decode(piece, "strict", _CP1252)[0]


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line ending and its number from 1; `text` is None when it is too long."""

    number: int
    text: str | None


def lines(texts: Iterable[str]) -> Iterator[Line]:
    """Split a text into lines; Windows, Unix and classic Mac line endings."""
    # Buffers a \r until it is known whether a \n follows it.
    whole_ends = io.IncrementalNewlineDecoder(None, translate=False)
    partial = _PartialLine()
    number = 0
    for text in chain(texts, [None]):
        piece, place = whole_ends.decode(text or "", final=text is None), 0
        for found in _END.finditer(piece):
            partial.add(piece[place : found.start()])
            number, place = number + 1, found.end()
            yield Line(number, partial.take(found[0]))
        partial.add(piece[place:])
    if partial.size:
        yield Line(number + 1, partial.take(""))


class _PartialLine:
    """A line whose end is not read yet; its text is dropped once it is too long."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[str] = []

    def add(self, text: str) -> None:
        """Append text."""
        self.size += len(text)
        if self.size > LONGEST_LINE:
            self._parts.clear()
        elif text:
            self._parts.append(text)

    def take(self, end: str) -> str | None:
        """Return the line, None if it is too long, and start the next one."""
        text = None if self.size > LONGEST_LINE else "".join([*self._parts, end])
        self.size = 0
        self._parts.clear()
        return text
