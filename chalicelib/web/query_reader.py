"""Reads query parameters; collects the errors of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import TypeVar

from ..domain.errors import FieldError
from ..domain.times import DATE_PATTERN, TIME_PATTERN, parse_time
from .problems import HttpProblem

MOST = 500
"""Most entries of a page."""
NAME_PATTERN = "[A-Za-z0-9_.-]{1,63}"
"""The name of an account or a form."""
MOMENT_PATTERN = f"{DATE_PATTERN}|{TIME_PATTERN.replace('[+-]', '[ +-]')}"
"""A date or a time; a + that was not percent-encoded arrives as a space."""
_NAME = re.compile(NAME_PATTERN)
_NUMBER = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(DATE_PATTERN)

T = TypeVar("T")


class QueryReader:
    """Reads parameters one by one and collects their errors."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.errors: list[FieldError] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """Parses a parameter's text; `default` when it is absent, or when `parse` raises ValueError."""
        text = self._given.get(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(FieldError(name, str(error)))
            return default

    def check(self) -> None:
        """Raises the collected errors, if any."""
        if self.errors:
            raise HttpProblem(422, "Some of the parameters are wrong.", errors=self.errors)


def is_name(text: str) -> bool:
    """Returns whether this can be the name of an account or form, also of one that is no longer configured."""
    return _NAME.fullmatch(text) is not None


def name_of(what: str) -> Callable[[str], str | None]:
    """Returns a parser of the name of an account or a form."""

    def parse(text: str) -> str | None:
        if not is_name(text):
            raise ValueError(f"must be the name of {'an' if what[0] in 'aeiou' else 'a'} {what}")
        return text

    return parse


def moment(text: str, of_day: time = time()) -> datetime | None:
    """Parses an RFC 3339 time, or a date, taken at the time `of_day`, UTC."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(datetime.fromisoformat(text), of_day, UTC)
        return parse_time(text.replace(" ", "+"))  # as in MOMENT_PATTERN
    except ValueError:
        raise ValueError("must be a date (2026-03-01) or an RFC 3339 time (2026-03-01T09:30:00Z)") from None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Returns a parser of a whole number within bounds."""

    def parse(text: str) -> int:
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse
