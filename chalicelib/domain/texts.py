"""Validates single texts, consent wordings and the size of an event, for every kind of input."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256

from .errors import FieldError, without_addresses
from .limits import EVENT_KB, NAME_CHARACTERS

_LAYOUT = frozenset("\t\n\r")
SHA_256_PATTERN = "[0-9A-Fa-f]{64}"
_SHA_256 = re.compile(SHA_256_PATTERN)


def text_error(value: str) -> str | None:
    """Returns why `value` is invalid as text, or None: providers' JSON and XML accept no control characters."""
    if value.isprintable():
        return None
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs":
            return "must be valid Unicode text"
        if category == "Cc" and character not in _LAYOUT:
            return "must not contain control characters"
    return None


def cleaned_text(value: str) -> tuple[str, str | None]:
    """Returns a text without its control characters, except tabs and line breaks, and why it is invalid (else None)."""
    if value.isprintable():
        return value, None
    text = "".join(each for each in value if each in _LAYOUT or unicodedata.category(each) != "Cc")
    return text, text_error(text)


def trimmed(text: str) -> str:
    """Returns the text without white space and invisible characters (Unicode Cf) at both ends."""
    start, end = 0, len(text)
    while start < end and _is_edge(text[start]):
        start += 1
    while start < end and _is_edge(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_edge(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def safe_name(name: str, longest: int = 60) -> str:
    """Returns a field's name for use in a message: short, printable, without anything like an address."""
    shown = "".join(character if character.isprintable() else "�" for character in name[:NAME_CHARACTERS])
    return without_addresses(shown, longest)


def size_errors(values: Mapping[str, str]) -> list[FieldError]:
    """Returns one error, at the largest of `values`, if together they are too large for one event."""
    sizes = {
        name: len(name.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
        for name, value in values.items()
    }
    if sum(sizes.values()) <= EVENT_KB * 1024:
        return []
    largest = max(sizes, key=lambda name: sizes[name])
    return [FieldError(safe_name(largest), f"makes the event larger than {EVENT_KB} KB")]


def wording_digest(wording: str | None, stated: str | None) -> tuple[str | None, str | None]:
    """Returns the SHA-256 of a consent wording, from the wording or as `stated`, and what is wrong with `stated`.

    The wording itself is not stored. It is trimmed and its line ends become LF before it is digested: browsers send the
    line ends of a form's fields as CR LF (HTML, "Constructing the entry list"), scripts unchanged.
    """
    text = (wording or "").strip().replace("\r\n", "\n").replace("\r", "\n")
    own = sha256(text.encode()).hexdigest() if text else None
    if stated is None or not stated.strip():
        return own, None
    if not _SHA_256.fullmatch(stated.strip()):
        return None, "must be a SHA-256 of 64 hexadecimal digits"
    if own not in (None, stated.strip().lower()):
        return None, "is not the SHA-256 of consent.wording"
    return stated.strip().lower(), None
