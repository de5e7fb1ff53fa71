"""Reads a JSON object with one long array in it as a stream: memory holds one slice and the rows in it."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...domain.strict_json import refuse_constant
from ..transport.noise import LONGEST_NOISE, is_noise

LONGEST_VALUE = 1024 * 1024
"""Characters of one member or one row; a longer one is rejected."""
_NON_SPACE = re.compile(r"[^ \t\r\n]")


class MalformedAnswer(Exception):
    """An answer of another format than expected; the text says which and repeats nothing of it."""


class JsonStream:
    """The members of a JSON object, from slices of UTF-8. All methods raise `MalformedAnswer`.

    `report_noise` is called with a vendor's noise behind the object; without it nothing may be there.
    """

    def __init__(self, slices: Iterable[bytes], array: str, report_noise: Callable[[str], None] | None = None) -> None:
        self.read: dict[str, Any] = {}
        """The members read so far, without the array."""
        self._array = array
        self._report_noise = report_noise
        self._slices = iter(slices)
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=refuse_constant)
        self._text = ""
        self._at = 0
        self._ended = False

    def up_to_array(self) -> bool:
        """Reads members until the array begins (returns True) or the object has ended (False)."""
        if self._peek() != "{":
            raise MalformedAnswer(self._instead_of_an_object())
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return self._at_end()
        return self._members()

    def rows(self) -> Iterator[Any]:
        """Yields the array's values, once, after `up_to_array` returned True; then reads the members behind it."""
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
            self._one_of('"')
            self._at -= 1
            name = self._value()
            self._one_of(":")
            if name == self._array and self._peek() == "[":
                self._at += 1
                return True
            self.read[name] = self._value()
            if self._one_of(",}") == "}":
                return self._at_end()

    def _many(self) -> list[Any]:
        """Reads all values that end in the text at hand, with the comma behind them; none if that is not certain.

        A million rows one by one cost three times as much. The values end at the last object followed by a comma,
        provided the text before it parses as an array's content: inside a string or another object it does not.
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
        """Reads the whole JSON value that begins here."""
        self._peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                # A number at the end of the text may continue in the next slice.
                whole = end < len(self._text) or self._ended
            except (ValueError, RecursionError):
                whole = False
            if whole:
                self._at = end
                return value
            if len(self._text) - self._at > LONGEST_VALUE or not self._more():
                raise MalformedAnswer("truncated or broken JSON")

    def _peek(self) -> str:
        """Returns the next character that is no space; the empty string at the end."""
        while True:
            found = _NON_SPACE.search(self._text, self._at)
            self._at = found.start() if found else len(self._text)
            if found or not self._more():
                return found.group() if found else ""

    def _one_of(self, wanted: str) -> str:
        found = self._peek()
        if not found or found not in wanted:
            raise MalformedAnswer("truncated or broken JSON")
        self._at += 1
        return found

    def _at_end(self) -> bool:
        """Checks that nothing but noise follows, and returns False."""
        if self._peek():
            while len(self._text) - self._at <= LONGEST_NOISE and self._more():
                pass
            rest = self._text[self._at :]
            if self._report_noise is None or not is_noise(rest):
                raise MalformedAnswer("truncated or broken JSON")
            self._report_noise(rest)
            self._at = len(self._text)
        return False

    def _more(self) -> bool:
        """Appends another slice to the unused text; returns False when there is none."""
        if self._ended:
            return False
        part = next(self._slices, b"")
        self._ended = not part
        try:
            text: str | None = self._bytes.decode(part, final=self._ended)
        except UnicodeDecodeError:
            # Raised below: the decoder's error holds the slice.
            text = None
        if text is None:
            raise MalformedAnswer("the answer is in a charset other than UTF-8")
        self._text, self._at = self._text[self._at :] + text, 0
        return True

    def _instead_of_an_object(self) -> str:
        if not self._text[self._at :]:
            return "the answer is empty"
        return "an HTML page instead of JSON" if self._peek() == "<" else "the answer is JSON of another shape"
