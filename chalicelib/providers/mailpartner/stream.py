"""One JSON object with one long array in it, read as a stream: memory holds one slice and the rows in it."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

LONGEST_VALUE = 1024 * 1024
"""Characters that one member or one row may have; a longer one is not waited for."""
_INK = re.compile(r"[^ \t\r\n]")


class Broken(Exception):
    """An answer that is not what it should be; the text says what it is and repeats nothing of it."""


class JsonObject:
    """The members of a JSON object from slices of UTF-8, as far as they have been read. All methods raise `Broken`."""

    def __init__(self, slices: Iterable[bytes], array: str) -> None:
        self.read: dict[str, Any] = {}
        """The members so far, without the array."""
        self._array = array
        self._slices = iter(slices)
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_refuse_constant)
        self._text = ""
        self._at = 0
        self._ended = False

    def up_to_array(self) -> bool:
        """Read members until the array begins (True) or the object has ended (False)."""
        if self._peek() != "{":
            raise Broken(self._instead_of_an_object())
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return self._at_end()
        return self._members()

    def rows(self) -> Iterator[Any]:
        """The array's values, once, after `up_to_array` said True; at the end the members behind it are read too."""
        if self._peek() == "]":
            self._at += 1
        else:
            while True:
                yield from self._many()
                yield self._value()
                if self._one_of(",]") == "]":
                    break
        if self._one_of(",}") == ",":
            self._array = ""
            self._members()
        else:
            self._at_end()

    def _members(self) -> bool:
        while True:
            self._expect('"')
            self._at -= 1
            name = self._value()
            self._expect(":")
            if name == self._array and self._peek() == "[":
                self._at += 1
                return True
            self.read[name] = self._value()
            if self._one_of(",}") == "}":
                return self._at_end()

    def _many(self) -> list[Any]:
        """The values that end in what is there, with the comma behind them; none if that cannot be told at a glance.

        A million rows one by one cost three times as much. They end at the last object with a comma behind it, if what
        stands before is an array's content: inside a text or another object it is not.
        """
        end = self._text.rfind("},", self._at)
        if end < 0:
            return []
        try:
            values: list[Any] = self._json.decode(f"[{self._text[self._at : end + 1]}]")
        except (ValueError, RecursionError):
            return []
        self._at = end + 2
        return values

    def _value(self) -> Any:
        """The whole JSON value that begins here."""
        self._peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                # A number at the end of what is there may go on in the next slice.
                whole = end < len(self._text) or self._ended
            except (ValueError, RecursionError):
                whole = False
            if whole:
                self._at = end
                return value
            if len(self._text) - self._at > LONGEST_VALUE or not self._more():
                raise Broken("truncated or broken JSON")

    def _peek(self) -> str:
        """The next character that is no space; the empty string at the end."""
        while True:
            found = _INK.search(self._text, self._at)
            self._at = found.start() if found else len(self._text)
            if found or not self._more():
                return found.group() if found else ""

    def _one_of(self, wanted: str) -> str:
        found = self._peek()
        if not found or found not in wanted:
            raise Broken("truncated or broken JSON")
        self._at += 1
        return found

    def _expect(self, wanted: str) -> None:
        self._one_of(wanted)

    def _at_end(self) -> bool:
        """False, once it is sure that nothing follows."""
        if self._peek():
            raise Broken("truncated or broken JSON")
        return False

    def _more(self) -> bool:
        """Put another slice behind what is not used yet; False when there is none."""
        if self._ended:
            return False
        part = next(self._slices, b"")
        self._ended = not part
        try:
            text: str | None = self._bytes.decode(part, final=self._ended)
        except UnicodeDecodeError:
            # Raised below, outside: the decoder's error holds the slice.
            text = None
        if text is None:
            raise Broken("the answer is in a charset other than UTF-8")
        self._text, self._at = self._text[self._at :] + text, 0
        return True

    def _instead_of_an_object(self) -> str:
        if not self._text[self._at :]:
            return "the answer is empty"
        return "an HTML page instead of JSON" if self._peek() == "<" else "the answer is JSON of another shape"


def _refuse_constant(_: str) -> NoReturn:
    """NaN and Infinity are Python's own addition to JSON."""
    raise ValueError
