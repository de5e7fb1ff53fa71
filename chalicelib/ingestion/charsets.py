"""The charsets that forms are read in: UTF-8, and those of old pages, as browsers decode them."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

_UNDEFINED = "relais.windows-1252"


def _as_controls(error: UnicodeError) -> tuple[str, int]:
    """Decodes the five bytes that windows-1252 does not define as the control characters of the same number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_UNDEFINED, _as_controls)

Charset = tuple[str, str]
"""A codec of Python and its error handler: the arguments of `bytes.decode`. Only UTF-8 can fail, with UnicodeError."""
UTF_8: Charset = ("utf-8", "strict")
WINDOWS_1252: Charset = ("cp1252", _UNDEFINED)
"""Also read for ISO-8859-1, whose name old pages use for it (WHATWG Encoding Standard)."""
LATIN_9: Charset = ("iso-8859-15", "strict")
KNOWN = "UTF-8, ISO-8859-1 (windows-1252) or ISO-8859-15"

BY_NAME: Mapping[str, Charset | None] = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8"), UTF_8),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "iso88591", "iso_8859-1", "latin1", "latin-1", "l1"), WINDOWS_1252),
    **dict.fromkeys(("windows-1252", "cp1252", "x-cp1252", "cp819", "ibm819"), WINDOWS_1252),
    **dict.fromkeys(("iso-8859-15", "iso8859-15", "iso885915", "iso_8859-15", "latin9", "latin-9", "l9"), LATIN_9),
    # Senders state US-ASCII whatever their text is, so it counts as no statement.
    **dict.fromkeys(("", "us-ascii", "ascii"), None),
}
"""The charset that a stated name means, in lower case; None if it states nothing."""
