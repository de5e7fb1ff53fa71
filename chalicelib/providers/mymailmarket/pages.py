"""Reading a list to its end in pages whose rows may shift while they are read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

from ...errors import Kind, ProviderError
from .parameters import LARGEST_PAGE
from .values import Row, address_of, id_of

ATTEMPTS = 5
"""How often a list is read from its beginning before it is left for another time."""

ReadPage = Callable[[int], Sequence[Row]]
"""The rows from this index on, at most `LARGEST_PAGE`."""


def every_row(read_page: ReadPage, label: str) -> Iterator[Row]:
    """All rows of a list, each once, handed on page by page.

    Each page begins with the last row of the page before. If it does not, rows came or went in between and one may have
    slipped through, so the list is read again. Raises `ProviderError` (later) when it never holds still, and what
    `read_page` raises.
    """
    seen: set[str] = set()
    for _ in range(ATTEMPTS):
        if (yield from _read_through(read_page, seen)):
            return
    raise ProviderError(Kind.LATER, f"{label}: the rows kept moving while they were read")


def _read_through(read_page: ReadPage, seen: set[str]) -> Generator[Row, None, bool]:
    """One reading from the beginning, of rows not in `seen`; False if the rows shifted."""
    start, overlap = 0, ""
    while True:
        rows = read_page(start)
        if start and not (rows and _key(rows[0]) == overlap):
            return False
        for row in rows:
            key = _key(row)
            if key not in seen:
                seen.add(key)
                yield row
        if len(rows) < LARGEST_PAGE:
            return True
        start += len(rows) - 1
        overlap = _key(rows[-1])


def _key(row: Row) -> str:
    """What tells a row from all others of its list."""
    return id_of(row) or address_of(row).lower() or repr(sorted(row.items(), key=str))
