"""Reading a list to its end in pages whose rows may shift while they are read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

from ...domain.errors import Kind, ProviderError
from .parameters import LARGEST_PAGE
from .values import Row, address_of, id_of

ATTEMPTS = 5
"""How often a list is read from its beginning before it is left for another time."""

ReadPage = Callable[[int], Sequence[Row]]
"""The rows from this index on, at most `LARGEST_PAGE`."""


def every_row(read_page: ReadPage, label: str) -> Iterator[Row]:
    """All rows of a list, each once, handed on page by page.

    Each page begins with the last row of the page before. If it does not, rows came or went in between and one may have
    slipped through, so the list is read again. A row that moved to the front while another one left the pages that were
    read shifts nothing, so at the end the front is looked at once more. Raises `ProviderError` (later) when the list
    never holds still, and what `read_page` raises.
    """
    seen: set[str] = set()
    for _ in range(ATTEMPTS):
        pages = yield from _read_through(read_page, seen)
        if pages > 1:
            yield from _look_again(read_page, seen)
        if pages:
            return
    raise ProviderError(Kind.LATER, f"{label}: the rows kept moving while they were read")


def _read_through(read_page: ReadPage, seen: set[str]) -> Generator[Row, None, int]:
    """One reading from the beginning, of rows not in `seen`; gives how many pages there are, 0 if the rows shifted."""
    start, overlap, pages = 0, "", 0
    while True:
        rows = read_page(start)
        if start and not (rows and _key(rows[0]) == overlap):
            return 0
        pages += 1
        yield from _unseen(rows, seen)
        if len(rows) < LARGEST_PAGE:
            return pages
        start += len(rows) - 1
        overlap = _key(rows[-1])


def _look_again(read_page: ReadPage, seen: set[str]) -> Iterator[Row]:
    """The rows at the front that are not in `seen`, up to a page without any."""
    start = 0
    while found := list(_unseen(rows := read_page(start), seen)):
        yield from found
        if len(rows) < LARGEST_PAGE:
            return
        start += len(rows) - 1


def _unseen(rows: Sequence[Row], seen: set[str]) -> Iterator[Row]:
    for row in rows:
        key = _key(row)
        if key not in seen:
            seen.add(key)
            yield row


def _key(row: Row) -> str:
    """What tells a row from all others of its list."""
    return id_of(row) or address_of(row).lower() or repr(sorted(row.items(), key=str))
