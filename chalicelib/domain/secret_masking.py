"""Masks secrets: wherever they appear in a text, in any spelling, and under the names that they usually have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from urllib.parse import quote, quote_plus

MASK = "***"
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
    """Yields the texts in which a secret may appear: as it is, URL-, JSON- and HTML-encoded, and its MD5."""
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
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    yield digest
    yield digest.upper()


def without_secrets(text: str, *secrets: str) -> str:
    """Masks every spelling of `secrets` in `text`, such as a provider's message that repeats a request."""
    for secret in filter(str.strip, secrets):
        for spelling in sorted(set(secret_spellings(secret)), key=len, reverse=True):
            text = text.replace(spelling, MASK)
    return text
