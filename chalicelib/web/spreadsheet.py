"""Writes CSV for spreadsheets, protected against formula injection."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_BOM = "\ufeff"  # without it, Excel reads UTF-8 as the local 8-bit encoding
# A spreadsheet treats text with these first characters as a formula (https://owasp.org/www-community/attacks/CSV_Injection).
# So are the fullwidth forms, and what stands behind line feeds and spaces.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """Returns CSV after RFC 4180 (commas, CRLF, quotes where needed) with a byte order mark; None is an empty cell.

    A text that a spreadsheet would treat as a formula gets an apostrophe in front, so that it stays a text.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _BOM + written.getvalue()


def _cell(value: str | int | None) -> str | int | None:
    if isinstance(value, str) and (value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)):
        return f"'{value}"
    return value
