"""Decodes the texts of a form as browsers encode them: in UTF-8, or in the encoding of an old page."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

UTF_8 = "utf-8"
WINDOWS_1252 = "windows-1252"
"""Also read for ISO-8859-1, whose name old pages use for it (WHATWG Encoding Standard)."""
LATIN_9 = "iso-8859-15"
KNOWN = "UTF-8, ISO-8859-1 (windows-1252) or ISO-8859-15"

_NAMES: Mapping[str, str | None] = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8"), UTF_8),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "iso88591", "iso_8859-1", "latin1", "latin-1", "l1"), WINDOWS_1252),
    **dict.fromkeys(("windows-1252", "cp1252", "x-cp1252", "cp819", "ibm819"), WINDOWS_1252),
    **dict.fromkeys(("iso-8859-15", "iso8859-15", "iso885915", "iso_8859-15", "latin9", "latin-9", "l9"), LATIN_9),
    # Senders name US-ASCII without looking at their text: it states nothing.
    **dict.fromkeys(("", "us-ascii", "ascii"), None),
}
# The five bytes that windows-1252 does not define become the control characters of the same number, as in browsers.
_WINDOWS_1252_TABLE = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))


class UnknownCharset(ValueError):
    """A charset that forms are not read in."""


def charset_named(name: str | None) -> str | None:
    """Returns the encoding that a stated charset means; None if nothing is stated. Raises UnknownCharset."""
    try:
        return _NAMES[(name or "").strip().lower()]
    except KeyError:
        raise UnknownCharset(KNOWN) from None


def decode(text: bytes, charset: str) -> str:
    """Decodes a text. Raises UnicodeError if it is not in this encoding, which only UTF-8 can detect."""
    if charset == WINDOWS_1252:
        return codecs.charmap_decode(text, "strict", _WINDOWS_1252_TABLE)[0]
    return text.decode(charset)
