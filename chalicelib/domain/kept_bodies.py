"""Finds a person in the JSON values of refused messages, where an address may stand anywhere and in any spelling."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from .erasure import is_person

_OUTSIDE = r"\s<>\"'(),;:=&?/\[\]{}"
_ALSO_OUTSIDE = _OUTSIDE + r"|*!#\u2026\u3001\u2019\u2013\x00-\x1f"
"""Allowed in an address, or in a word next to one, but more often a separator."""
# A match starts only where a run of characters starts, so that a long text without an @ is read once.
_CANDIDATE = re.compile(rf"(?<![^{_OUTSIDE}])[^{_OUTSIDE}@]+@[^{_OUTSIDE}]+")
_NARROW_CANDIDATE = re.compile(rf"(?<![^{_ALSO_OUTSIDE}])[^{_ALSO_OUTSIDE}@]+@[^{_ALSO_OUTSIDE}]+")
_ROUND_THE_AT = re.compile(r"(?<!\s)\s*(?:@|\uff20)\s*")
_ESCAPED_AT = re.compile(r"\\+u0040", re.IGNORECASE)
_ESCAPED_SPACE = re.compile(r"\\+[nrt]")
_LISTS = ("contacts", "events")
"""Members of an event or an envelope with one entry for each of several persons."""
_DEEPEST = 12
"""Levels of JSON within the text of other JSON that are read."""


def mentions(value: Any, person: frozenset[str]) -> bool:
    """Returns True if an address of `person` (`normal_forms` of an address) is anywhere in a JSON value."""
    return any(_text_mentions(text, person) for text in _texts(value, 0))


def without_entries_of(value: Any, person: frozenset[str]) -> Any:
    """Returns the value without the entries of its lists of contacts and events that mention the person."""
    return _filtered(value, lambda entry: not mentions(entry, person))


def only_entries_of(value: Any, person: frozenset[str]) -> Any:
    """Returns the value without the entries of its lists of contacts and events that do not mention the person."""
    return _filtered(value, lambda entry: mentions(entry, person))


def _filtered(value: Any, stays: Callable[[Any], bool]) -> Any:
    """Returns the value with those entries of its lists that stay, also where it is JSON in a text."""
    if isinstance(value, list):
        return [entry for entry in value if stays(entry)]
    if isinstance(value, dict):
        return {
            name: _filtered(member, stays) if name in _LISTS and isinstance(member, list) else member
            for name, member in value.items()
        }
    inner = _json(value) if isinstance(value, str) else None
    return value if inner is None else json.dumps(_filtered(inner, stays), ensure_ascii=False)


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Yields all texts and names of members, also those of JSON in a text."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            yield one
            inner = _json(one) if depth < _DEEPEST else None
            if inner is not None:
                yield from _texts(inner, depth + 1)


def _json(text: str) -> Any:
    """Returns the object, list or text that a text is as JSON; None for other texts."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _text_mentions(text: str, person: frozenset[str]) -> bool:
    unescaped = (_ESCAPED_AT.sub("@", text), _ESCAPED_SPACE.sub(" ", text), unquote(text), html.unescape(text))
    spellings = dict.fromkeys((text, *unescaped))
    for spelling in spellings:
        joined = _ROUND_THE_AT.sub("@", spelling)
        if "@" in joined and (is_person(spelling, person) or _any_candidate(joined, person)):
            return True
    return False


def _any_candidate(text: str, person: frozenset[str]) -> bool:
    return any(
        is_person(found.group(), person)
        for pattern in (_CANDIDATE, _NARROW_CANDIDATE)
        for found in pattern.finditer(text)
    )
