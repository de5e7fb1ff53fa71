"""Redacts addresses, secrets and unsubscribe tokens from logs, metrics and error texts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from ..domain.errors import PERSONAL
from ..domain.secret_masking import MASK, is_secret_name, masked, pattern_of, secret_spellings

_SHORTEST_SECRET = 4  # Masking "a" everywhere would make logs unreadable, and a shorter secret protects nothing.
_DEEPEST = 8  # Also ends recursion into a structure that contains itself.
_LONGEST_TEXT = 20_000

_SENSITIVE_NAME = (
    r"(?:[\w.-]{0,40}(?:password|passwd|secret|api_?key|token|signature)|key|pass|pwd|session|sid|hash|md5)"
)
_CREDENTIALS = tuple(
    (re.compile(pattern, re.IGNORECASE), rf"\g<1>{MASK}")
    for pattern in (
        # A header as text, in a dict, a pair: Authorization: Bearer x, {'authorization': 'x'}, (b'authorization', b'x')
        r"(authorization\\*[\"']?\s*[:=,]\s*(?:b(?=\\*[\"']))?\\*[\"']?(?:(?:bearer|basic|digest|token)\s+)?)"
        r"[^\s\"',;}\])]+",
        r"(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}",
        rf"(\b{_SENSITIVE_NAME}(?:=|%3D))[^\s&\"'<>;]+",
        rf"([\"']{_SENSITIVE_NAME}\\*+[\"']\s*+:\s*+\\*+[\"'])[^\"'\\]+",
    )
)
# Every pattern above and in PERSONAL needs one of these. Most texts of a line (names, ids, times) have none, and
# checking that first is ten times as fast as trying every pattern.
_SUSPICIOUS = re.compile(r"[@=%&/\\\"'(\[{<\uff20\ufe6b]|authorization|bearer|basic", re.IGNORECASE)
# Values under these names, and under those of secrets, are masked entirely.
_PERSONAL_KEY = re.compile(r"e_?mail|address|fields|contacts|consent|body", re.IGNORECASE)

_lock = threading.Lock()
_hidden: set[str] = set()
_known: re.Pattern[str] | None = None


def hide(value: str) -> None:
    """Masks `value`, its encoded forms and its MD5, in any case, in all later output.

    Called when a secret is revealed. Values of fewer than four characters are not masked.
    """
    global _known
    if len(value) < _SHORTEST_SECRET:
        return
    with _lock:
        if value in _hidden:
            return
        _hidden.update(spelling for spelling in secret_spellings(value) if len(spelling) >= _SHORTEST_SECRET)
        _known = pattern_of(_hidden)


def redact(value: object) -> str:
    """Returns `value` as text, with known secrets, credentials, unsubscribe tokens and whatever looks like an address
    masked; never raises. Bytes are decoded as UTF-8.
    """
    if isinstance(value, str):
        text: str = value
    elif isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).decode("utf-8", "backslashreplace")
    else:
        text = f"<{type(value).__name__} without a text>"
        with suppress(Exception):  # any class may have a faulty __str__, which must not make a log line fail
            text = str(value)
    if _known is not None:
        text = masked(text, _known)
    if _SUSPICIOUS.search(text):
        for pattern, replacement in (*_CREDENTIALS, *PERSONAL):
            text = pattern.sub(replacement, text)
    return text[:_LONGEST_TEXT]


def redacted_line(line: Mapping[str, Any]) -> Any:
    """Converts a log line as `redacted` does; checks all texts together first, as few lines have anything to mask."""
    texts: list[str] = []
    if _is_plain(line, texts):
        together = "\n".join(texts)
        if redact(together) == together:
            return line
    return redacted(line)


def _is_plain(line: Mapping[str, Any], texts: list[str]) -> bool:
    """Returns whether a line has JSON values only, none of them under a name that masks its value.

    Appends all texts, keys and numbers of the line to `texts`.
    """
    level: list[Any] = [line]
    for _ in range(_DEEPEST):
        nested: list[Any] = []
        for value in level:
            if type(value) is dict:
                if not all(type(key) is str for key in value) or any(map(_is_hidden, value)):
                    return False
                texts += value
            elif type(value) not in (list, tuple):
                return False
            nested += _split(value.values() if type(value) is dict else value, texts)
        if not nested:
            return True
        level = nested
    return False


def _split(values: Iterable[Any], texts: list[str]) -> Iterator[Any]:
    """Appends texts and numbers to `texts`; yields all other values, except None and booleans."""
    for value in values:
        if type(value) is str:
            texts.append(value)
        elif type(value) in (int, float):
            texts.append(str(value))
        elif value is not None and type(value) is not bool:
            yield value


@lru_cache(maxsize=1024)  # log lines repeat the same few names
def _is_hidden(name: str) -> bool:
    """Returns whether a value under this name is masked entirely."""
    return is_secret_name(name) or MASK in name or _PERSONAL_KEY.fullmatch(name.replace("-", "_")) is not None


def redacted(value: Any, depth: int = 0) -> Any:
    """Converts `value` to JSON values with every text in it (also keys) redacted; never raises.

    Mappings and sequences keep their structure to a depth of eight; everything else but numbers becomes text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return MASK if MASK in redact(value) else value
    if depth >= _DEEPEST and isinstance(value, Mapping | list | tuple | set | frozenset):
        return "…"
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, item in value.items():
            name = key if isinstance(key, str) else redact(key)
            shows_nothing = item is None or isinstance(item, bool)
            found[redact(name)] = MASK if _is_hidden(name) and not shows_nothing else redacted(item, depth + 1)
        return found
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, depth + 1) for item in value]
    return redact(value)
