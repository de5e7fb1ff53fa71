"""Parses the parameters of the list of campaigns; reports all errors at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
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
    """Filters of a page. `since` and `until` (aware, UTC, both included) bound the sending time."""

    account: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    cursor: str | None
    format: str


def read_query(given: Mapping[str, str]) -> Query:
    """Parse the parameters; an empty one counts as absent, an unknown one is ignored.

    Raises:
        HttpProblem: 422, with every field error.
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
        reader.errors.append(FieldError("until", "must not be before since"))
    reader.check()
    return query


def read_format(given: Mapping[str, str]) -> str:
    """Parse the format only. Raises `HttpProblem` (422)."""
    reader = _Reader(given)
    format = reader.read("format", _format, JSON)
    reader.check()
    return format


@dataclass(frozen=True, slots=True)
class FormsQuery:
    """Filters of the days of forms; `since` and `until` are UTC days, both included."""

    form: str | None
    since: date | None
    until: date | None
    format: str


def read_forms_query(given: Mapping[str, str]) -> FormsQuery:
    """Parse the parameters of the days of forms; a time stands for its UTC day. Raises HttpProblem (422)."""
    reader = _Reader(given)
    since = reader.read("since", lambda text: _moment(text, time()), None)
    until = reader.read("until", lambda text: _moment(text, _END_OF_DAY), None)
    query = FormsQuery(
        form=reader.read("form", _form, None),
        since=since.astimezone(UTC).date() if since else None,
        until=until.astimezone(UTC).date() if until else None,
        format=reader.read("format", _format, JSON),
    )
    if query.since and query.until and query.since > query.until:
        reader.errors.append(FieldError("until", "must not be before since"))
    reader.check()
    return query


class _Reader:
    """Reads parameters one by one and collects their errors."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.errors: list[FieldError] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """Parse a parameter's text; `default` when it is absent, or when `parse` raises ValueError."""
        text = self._given.get(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(FieldError(name, str(error)))
            return default

    def check(self) -> None:
        """Raise the collected errors, if any."""
        if self.errors:
            raise HttpProblem(422, "Some of the parameters are wrong.", errors=self.errors)


def is_account_name(text: str) -> bool:
    """Return whether this is a valid account name; accounts no longer configured still have a history."""
    return _NAME.fullmatch(text) is not None


def _account(text: str) -> str | None:
    if not is_account_name(text):
        raise ValueError("must be the name of an account")
    return text


def _form(text: str) -> str | None:
    if not is_account_name(text):
        raise ValueError("must be the name of a form")
    return text


def _moment(text: str, of_day: time) -> datetime | None:
    """Parse an RFC 3339 time, or a date, taken at the time `of_day`, UTC."""
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
