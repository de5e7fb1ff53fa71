"""myMailMarket's values: rows under the vendor's own field names, ids with leading zeros, dates as WCF writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..results import text

Row = dict[str, Any]
Result = Row | list[Row] | str | bool
"""An object, an array of objects, or what a FeedbackDTO brings: an id, or True where it brings none."""

DEEPEST = 50
"""Levels of objects and arrays. Everything that walks an answer does so by recursion."""

_WCF_DATE = re.compile(r"/Date\((-?[0-9]{1,18})([+-][0-9]{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = ("subscriberid", "id")


class TooDeep(Exception):
    """An answer with more than `DEEPEST` levels."""


def wcf_time(value: str) -> datetime | None:
    """`/Date(1384207200000+0100)/` as UTC; None for any other text, and for a moment beyond the calendar.

    The number is milliseconds since 1970 in UTC; the offset only tells on which clock the vendor would show it
    (Microsoft's description of the DataContractJsonSerializer).
    """
    found = _WCF_DATE.fullmatch(value)
    if found is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    except OverflowError:
        return None


def with_times(value: Any, levels: int = DEEPEST) -> Any:
    """`value` with every WCF date in it as an aware datetime. Raises `TooDeep` for what no row of the vendor's is."""
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
    """The value of the first of these names (in lower case) that the row has in any case; None if it has none."""
    by_name = {str(name).lower(): value for name, value in row.items() if value is not None}
    return next((by_name[name] for name in names if name in by_name), None)


def id_of(row: Mapping[str, Any], *names: str) -> str:
    """A row's id as text, under one of `names` (in lower case) or the usual ones; empty if it has none."""
    return text(named(row, *(names or _IDS))).strip()


def address_of(row: Mapping[str, Any]) -> str:
    """A subscriber's address without spaces round it; empty if there is none (a telephone number only)."""
    return text(named(row, "mailaddress", "emailaddress")).strip()
