"""Computes the SHA-256 of a consent wording; the wording itself is not stored."""

from __future__ import annotations

import re
from hashlib import sha256

_SHA_256 = re.compile(r"[0-9A-Fa-f]{64}")


def digest(wording: str) -> str:
    """Returns the SHA-256 of a text in UTF-8, in hexadecimal, after trimming it and converting line ends to LF.

    Browsers send the line ends of a form's fields as CR LF (HTML, "Constructing the entry list"), scripts unchanged.
    """
    return sha256(wording.strip().replace("\r\n", "\n").replace("\r", "\n").encode()).hexdigest()


def wording_digest(wording: str | None, stated: str | None) -> tuple[str | None, str | None]:
    """Returns the digest to store, from the wording or its digest as `stated`, and what is wrong with `stated`."""
    own = digest(wording) if wording is not None and wording.strip() else None
    if stated is None or not stated.strip():
        return own, None
    if not _SHA_256.fullmatch(stated.strip()):
        return None, "must be a SHA-256 of 64 hexadecimal digits"
    if own not in (None, stated.strip().lower()):
        return None, "is not the SHA-256 of consent.wording"
    return stated.strip().lower(), None
