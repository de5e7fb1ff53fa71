"""Validates single text values and the size of an event, for every kind of input."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from .errors import FieldError, without_addresses

MAX_EVENT_BYTES = 64 * 1024
_TOO_LARGE = "makes the event larger than 64 KB"
_LAYOUT = frozenset("\t\n\r")


def text_error(value: str) -> str | None:
    """Returns why `value` is invalid as text, or None: providers' JSON and XML accept no control characters."""
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs":
            return "must be valid Unicode text"
        if category == "Cc" and character not in _LAYOUT:
            return "must not contain control characters"
    return None


def safe_name(name: str) -> str:
    """Returns a field's name for use in a message: short, printable, without anything like an address."""
    shown = "".join(character if character.isprintable() else "�" for character in name[:200])
    return without_addresses(shown, 60)


def size_errors(values: Mapping[str, str]) -> list[FieldError]:
    """Returns one error, at the largest of `values`, if together they are too large for one event."""
    sizes = {
        name: len(name.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
        for name, value in values.items()
    }
    if sum(sizes.values()) <= MAX_EVENT_BYTES:
        return []
    return [FieldError(safe_name(max(sizes, key=lambda name: sizes[name])), _TOO_LARGE)]
