"""Chooses a visitor's language (`Accept-Language`, RFC 9110 §12.5.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..domain.languages import DEFAULT_LANGUAGE, LANGUAGES
from .http_messages import Request

_QUALITY = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"
_RANGE = re.compile(rf"\s*([a-z]{{1,8}}|\*)(?:-[a-z0-9-]*)?\s*(?:;\s*q\s*=\s*({_QUALITY})\s*)?", re.IGNORECASE)


def language_of(request: Request, default: str | None = None) -> str:
    """Returns the language of Relais' pages that the visitor prefers.

    Without a preference for one of them it is `default` (a form's own language), and French if there is none.
    """
    return preferred(request.headers.get("accept-language", ""), LANGUAGES, default or DEFAULT_LANGUAGE)


def preferred(header: str, offered: Sequence[str], default: str) -> str:
    """Returns the language of `offered` (primary subtags such as "fr") that the header prefers, else `default`.

    A range counts by its primary subtag (`nl-BE` is `nl`); of equal ranges the first wins; `*` stands for all languages
    not named, of which `default` comes first. Malformed ranges are ignored.
    """
    wanted = _wanted(header)
    rest = wanted.get("*", (0.0, 0))
    ranked = [(*wanted.get(language, rest), language) for language in sorted(offered, key=lambda one: one != default)]
    quality, _, best = max(ranked, key=lambda each: (each[0], -each[1]))
    return best if quality > 0 else default


def _wanted(header: str) -> dict[str, tuple[float, int]]:
    """Returns quality and position of each primary subtag, from the best of its ranges."""
    found: dict[str, tuple[float, int]] = {}
    for index, text in enumerate(header.split(",")):
        match = _RANGE.fullmatch(text)
        if match is None:
            continue
        language, quality = match[1].lower(), float(match[2] or 1)
        if language not in found or quality > found[language][0]:
            found[language] = (quality, index)
    return found
