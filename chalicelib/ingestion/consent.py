"""What a person was shown before they agreed: of the words themselves only their SHA-256 is kept."""

from __future__ import annotations

import re
from hashlib import sha256

_SHA_256 = re.compile(r"[0-9A-Fa-f]{64}")


def digest(wording: str) -> str:
    """The SHA-256 of a text in UTF-8, in hexadecimal: trimmed, each line ended by a line feed alone.

    Browsers send the line ends of a form's fields as CR LF (HTML, "Constructing the entry list"), scripts as they are.
    """
    return sha256(wording.strip().replace("\r\n", "\n").replace("\r", "\n").encode()).hexdigest()


def kept(wording: str | None, stated: str | None) -> tuple[str | None, str | None]:
    """The digest to keep, from the words or their digest as `stated`; and what is wrong with the latter, if it is."""
    own = digest(wording) if wording is not None and wording.strip() else None
    if stated is None or not stated.strip():
        return own, None
    if not _SHA_256.fullmatch(stated.strip()):
        return None, "must be a SHA-256 of 64 hexadecimal digits"
    if own not in (None, stated.strip().lower()):
        return None, "is not the SHA-256 of consent.wording"
    return stated.strip().lower(), None
