"""The parameters of the list of campaigns, checked; every mistake is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TypeVar

from ...domain.errors import FieldError
from ...domain.times import parse_time
from ..problems import HttpProblem

JSON, CSV = "json", "csv"
DEFAULT_LIMIT, MOST = 100, 500

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_END_OF_DAY = time(23, 59, 59)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """What a page is asked for by. `since` and `until` (aware, UTC, both included) bound the time of sending."""

    account: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    cursor: str | None
    format: str


def read_query(given: Mapping[str, str]) -> Query:
    """The query in a request's parameters; one that is empty counts as not given, one that is not known is ignored.

    Raises:
        HttpProblem: 422, with every mistake.
    """
    reader = _Reader(given)
    query = Query(
        account=reader.read("account", _account, None),
        since=reader.read("since", lambda text: _moment(text, time()), None),
        until=reader.read("until", lambda text: _moment(text, _END_OF_DAY), None),
        limit=reader.read("limit", _limit, DEFAULT_LIMIT),
        cursor=reader.read("cursor", str, None),
        format=reader.read("format", _format, JSON),
    )
    if query.since and query.until and query.since > query.until:
        reader.mistakes.append(FieldError("until", "must not be before since"))
    reader.check()
    return query


def read_format(given: Mapping[str, str]) -> str:
    """The format alone. Raises `HttpProblem` (422)."""
    reader = _Reader(given)
    format = reader.read("format", _format, JSON)
    reader.check()
    return format


class _Reader:
    """Reads parameters one by one and keeps what is wrong with them."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.mistakes: list[FieldError] = []

    def read(self, name: str, read: Callable[[str], T], otherwise: T) -> T:
        """`read` on the parameter's text; `otherwise` when there is none, or when it raises ValueError."""
        text = self._given.get(name)
        if not text:
            return otherwise
        try:
            return read(text)
        except ValueError as error:
            self.mistakes.append(FieldError(name, str(error)))
            return otherwise

    def check(self) -> None:
        """Raise what was wrong, if anything was."""
        if self.mistakes:
            raise HttpProblem(422, "Some of the parameters are wrong.", errors=self.mistakes)


def is_account_name(text: str) -> bool:
    """Can this be an account's name? One that is not configured any more still has its history."""
    return _NAME.fullmatch(text) is not None


def _account(text: str) -> str | None:
    if not is_account_name(text):
        raise ValueError("must be the name of an account")
    return text


def _moment(text: str, of_day: time) -> datetime | None:
    """An RFC 3339 time, or a date, which stands for its time `of_day`, UTC."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(datetime.fromisoformat(text), of_day, UTC)
        return parse_time(text.replace(" ", "+"))  # a + that was not percent-encoded arrives as a space
    except ValueError:
        raise ValueError("must be a date (2026-03-01) or an RFC 3339 time (2026-03-01T09:30:00Z)") from None


def _limit(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise ValueError(f"must be a whole number from 1 to {MOST}")
    return int(text)


def _format(text: str) -> str:
    if text not in (JSON, CSV):
        raise ValueError(f"must be {JSON} or {CSV}")
    return text
