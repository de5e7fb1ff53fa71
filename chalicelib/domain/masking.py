"""Masks an address for display, so that its owner recognises it and others do not learn it."""

from __future__ import annotations

import unicodedata
from itertools import dropwhile, islice, takewhile

BULLETS = "•••"
_MOST_ACCENTS = 4


def masked(address: str) -> str:
    """Returns `a•••@example.com` for `anna@example.com`; always three bullets, so that the length is hidden.

    The first letter retains its combining accents. Invisible characters and those that reverse the surrounding text
    (white space, format characters such as U+202E) are removed.
    """
    local, _, domain = address.rpartition("@")
    return f"{_first_letter(_visible(local))}{BULLETS}@{_visible(domain)}"


def _first_letter(text: str) -> str:
    letters = dropwhile(_is_mark, text)
    return next(letters, "") + "".join(islice(takewhile(_is_mark, letters), _MOST_ACCENTS))


def _visible(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character)[0] not in "CZ")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
