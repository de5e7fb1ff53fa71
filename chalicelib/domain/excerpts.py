"""Makes a foreign text readable: escapes decoded, control and invisible characters left out, in bounded time."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from urllib.parse import unquote

LONGEST_READ = 20_000
"""Characters of a foreign text that are looked at; the rest is never shown."""
_ROUNDS = 3
_ENCODED = re.compile(r"%[0-9a-f]{2}|\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[\"'/])|&[#a-z]", re.IGNORECASE)
_ESCAPE = re.compile(r"(?<!\\)\\++(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([\"'/]))", re.IGNORECASE)
_NO_CHARACTER = re.compile(r"&#x?[0-9a-f]{9,};?", re.IGNORECASE)
"""A numeric entity beyond any character; converting a long one would raise."""
_SPACES = re.compile(r"\s+")


def readable(text: str) -> str:
    """Returns the text with its escapes decoded (of URLs, HTML, JSON; also of each other) and on one line.

    What cannot be seen is left out: control characters, bidi controls, invisible and private characters, surrogates.
    """
    text = text[:LONGEST_READ]
    for _ in range(_ROUNDS):
        if not _ENCODED.search(text):
            break
        text = unquote(_ESCAPE.sub(_unescaped, unescape(_NO_CHARACTER.sub("", text))))
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return _SPACES.sub(" ", text)


def _unescaped(found: re.Match[str]) -> str:
    return found[3] or chr(int(found[1] or found[2], 16))


def excerpt(text: str, limit: int) -> str:
    """Returns at most `limit` characters of the text, the last one an ellipsis where it is cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character)[0] == "C" else character
