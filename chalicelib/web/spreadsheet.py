"""Rows as CSV that opens right in a spreadsheet, whatever a text in it begins with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_BOM = "\ufeff"  # without it, Excel takes UTF-8 for the machine's own 8-bit encoding
# A spreadsheet takes what begins so for a formula (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """CSV as RFC 4180 has it (commas, CRLF, quotes where needed), after a byte order mark; None is an empty cell.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, so that it stays a text.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _BOM + written.getvalue()


def _cell(value: str | int | None) -> str | int | None:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
