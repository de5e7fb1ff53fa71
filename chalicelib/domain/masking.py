"""An address shown so that its owner knows it again and nobody else learns it."""

from __future__ import annotations

import unicodedata
from itertools import dropwhile, islice, takewhile

BULLETS = "•••"
_MOST_ACCENTS = 4


def masked(address: str) -> str:
    """`a•••@example.com` for `anna@example.com`: always three bullets, so that not even the length shows.

    The first letter keeps its combining accents. What would not be seen, or would turn the text round it about (white
    space, format characters such as U+202E), is left out.
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
