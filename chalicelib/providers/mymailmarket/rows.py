"""Reads rows of myMailMarket: field names in any case, ids with leading zeros, WCF dates, and pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ...domain.errors import Kind, ProviderError
from ..results import text

Row = dict[str, Any]
Result = Row | list[Row] | str | bool
"""An object, an array of objects, or the id in a FeedbackDTO, True if it has none."""

MAX_DEPTH = 50
"""Levels of objects and arrays. Everything that walks an answer does so by recursion."""
MAX_PAGE_SIZE = 250
READ_ATTEMPTS = 5
"""How often a list is read from its beginning before it is left for another time."""

_WCF_DATE = re.compile(r"/Date\((-?[0-9]{1,18})([+-][0-9]{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = ("subscriberid", "id")

ReadPage = Callable[[int], Sequence[Row]]
"""Returns the rows from this index on, at most `MAX_PAGE_SIZE`."""


class TooDeep(Exception):
    """An answer with more than `MAX_DEPTH` levels."""


def wcf_time(value: str) -> datetime | None:
    """Parses `/Date(1384207200000+0100)/` as UTC; None for any other text, and for a moment beyond the calendar.

    The number is milliseconds since 1970 in UTC; the offset only says in which zone the vendor would show it
    (Microsoft's description of the DataContractJsonSerializer).
    """
    found = _WCF_DATE.fullmatch(value)
    if found is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    except OverflowError:
        return None


def with_times(value: Any, levels: int = MAX_DEPTH) -> Any:
    """Replaces every WCF date in `value` by an aware datetime. Raises `TooDeep`."""
    if isinstance(value, str):
        return wcf_time(value) or value
    if not isinstance(value, Mapping | list):
        return value
    if levels == 0:
        raise TooDeep
    if isinstance(value, Mapping):
        return {name: with_times(item, levels - 1) for name, item in value.items()}
    return [with_times(item, levels - 1) for item in value]


def named(row: Mapping[str, Any], *names: str) -> Any:
    """Returns the value of the first of these lower-case names that the row has in any case; None if it has none."""
    by_name = {str(name).lower(): value for name, value in row.items() if value is not None}
    return next((by_name[name] for name in names if name in by_name), None)


def id_of(row: Mapping[str, Any], *names: str) -> str:
    """Returns a row's id, under one of the lower-case `names` or the usual ones; empty if it has none."""
    return text(named(row, *(names or _IDS))).strip()


def address_of(row: Mapping[str, Any]) -> str:
    """Returns a subscriber's address without surrounding spaces; empty if there is only a telephone number."""
    return text(named(row, "mailaddress", "emailaddress")).strip()


def every_row(read_page: ReadPage, label: str) -> Iterator[Row]:
    """Yields all rows of a list, each once, although rows may shift between two pages.

    Each page begins with the last row of the page before. If it does not, rows came or went in between and one may have
    been missed, so the list is read again. A row that moves to the front while another leaves the pages already read
    shifts nothing, so the front is read once more at the end. Raises `ProviderError` (later) when the rows shift in
    every attempt, and what `read_page` raises.
    """
    seen: set[str] = set()
    for _ in range(READ_ATTEMPTS):
        pages = yield from _read_through(read_page, seen)
        if pages > 1:
            yield from _read_front(read_page, seen)
        if pages:
            return
    raise ProviderError(Kind.LATER, f"{label}: the rows kept moving while they were read")


def _read_through(read_page: ReadPage, seen: set[str]) -> Generator[Row, None, int]:
    """Reads from the beginning, yields the rows not in `seen`, and returns the number of pages, 0 if rows shifted."""
    start, overlap, pages = 0, "", 0
    while True:
        rows = read_page(start)
        if start and not (rows and _key(rows[0]) == overlap):
            return 0
        pages += 1
        yield from _unseen(rows, seen)
        if len(rows) < MAX_PAGE_SIZE:
            return pages
        start += len(rows) - 1
        overlap = _key(rows[-1])


def _read_front(read_page: ReadPage, seen: set[str]) -> Iterator[Row]:
    """Yields the rows at the front that are not in `seen`, up to a page without any."""
    start = 0
    while found := list(_unseen(rows := read_page(start), seen)):
        yield from found
        if len(rows) < MAX_PAGE_SIZE:
            return
        start += len(rows) - 1


def _unseen(rows: Sequence[Row], seen: set[str]) -> Iterator[Row]:
    for row in rows:
        key = _key(row)
        if key not in seen:
            seen.add(key)
            yield row


def _key(row: Row) -> str:
    """Returns what identifies a row within its list."""
    return id_of(row) or address_of(row).lower() or repr(sorted(row.items(), key=str))
