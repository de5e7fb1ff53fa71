"""Masks secrets: wherever they appear in a text, in any spelling, and under the names that they usually have."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from urllib.parse import quote, quote_plus

from .excerpts import LONGEST_READ, readable

MASK = "***"
_SHORTEST_BASE64 = 6
_DOTTED_I = "\u0130", "i"
"""Replaced before a text is put in lower case, so that each character keeps its place: İ alone would become two."""
# `pass`, `UserPass`, `password`, `api_key`, `apiKey`, `token`, `shared_secret`, `sessionKey`, `Authorization` …
_SECRET_NAME = re.compile(
    r"pass(wor[dt])?$|password|passwd|(api|admin)_?key|token|secret|session|signature|cookie|authorization"
    r"|mot_?de_?passe|^(pwd|mdp)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)  # log lines repeat the same few names
def is_secret_name(name: str) -> bool:
    """Returns True if a value under this key, field or header name is a secret."""
    return _SECRET_NAME.search(name.replace("-", "_")) is not None


def secret_spellings(secret: str) -> Iterator[str]:
    """Yields the texts in which a secret may appear: as it is, URL-, JSON- and HTML-encoded, in base64 and in
    hexadecimal, and its MD5.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield secret.strip()
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield escape(secret)
    yield raw.hex()
    yield from filter(_is_distinctive, _base64_parts(raw))
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    yield digest
    yield digest.upper()


def without_secrets(text: str, *secrets: str) -> str:
    """Makes a provider's message, which may repeat a request, readable and masks every spelling of `secrets` in it."""
    known = pattern_of(spelling for secret in filter(str.strip, secrets) for spelling in _spellings(secret))
    text = text[:LONGEST_READ]
    return masked(readable(masked(text, known)), known) if known else readable(text)


def pattern_of(spellings: Iterable[str]) -> re.Pattern[str] | None:
    """Makes the pattern for `masked`; None without any spelling."""
    lowered = {spelling.replace(*_DOTTED_I).lower() for spelling in spellings}
    longest_first = sorted(lowered, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def masked(text: str, known: re.Pattern[str]) -> str:
    """Masks what `known` matches in any case."""
    parts, end = [], 0
    for found in known.finditer(text.replace(*_DOTTED_I).lower()):
        parts += [text[end : found.start()], MASK]
        end = found.end()
    return "".join((*parts, text[end:])) if parts else text


@lru_cache(maxsize=64)
def _spellings(secret: str) -> tuple[str, ...]:
    return tuple(set(secret_spellings(secret)))


def _base64_parts(raw: bytes) -> Iterator[str]:
    """Yields what base64 makes of `raw` wherever it begins in a longer text, without what its neighbours change."""
    for offset, changed in enumerate((0, 2, 3)):
        packed = b64encode(b"\0" * offset + raw).decode()
        whole = packed.rstrip("=")
        part = whole[changed : len(whole) - (len(whole) != len(packed))]
        yield part
        yield part.replace("+", "-").replace("/", "_")


def _is_distinctive(part: str) -> bool:
    """Returns False for a text so short that it is part of ordinary words."""
    return len(part) >= _SHORTEST_BASE64
