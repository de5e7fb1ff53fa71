"""The argument of every myMailMarket function, and the three kinds of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .models import Account, Failure, Subscriber


@dataclass
class Options:
    """Interpretations of the documentation that a test may choose between."""

    shape: str = "documented"
    """Shape of single answers: `documented` (by function), `object`, `array` (of one), `feedback` (for changes), or
    `mixed` (another one for each call)."""
    session_minutes: float = 120.0
    session_key_length: int = 36
    md5_upper_case_too: bool = False
    """Accept the password's MD5 in upper case, too."""
    stats_step_seconds: float = 3600.0
    """Campaign figures change in steps of so many seconds."""
    newest_first: bool = True
    """Pages of subscribers start with the latest update, so that a change shifts the rows; else with the oldest id."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one call. `body` is the parsed JSON body of a POST, None where there is none."""

    account: Account
    now: datetime
    figures_at: datetime
    options: Options
    new_id: Callable[[], str]
    body: Any = None

    def fields(self) -> dict[str, Any]:
        """Returns the body as an object. Raises `Failure` 400 for any other body."""
        if not isinstance(self.body, Mapping):
            raise Failure("the body must be a JSON object", 400)
        return dict(self.body)


@dataclass(frozen=True, slots=True)
class One:
    """A single object; for some the vendor documents an array."""

    value: dict[str, Any]
    as_array: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """Several objects."""

    values: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """A change: a FeedbackDTO, or the changed object (`documented` says which is the default)."""

    result_id: str
    value: dict[str, Any] | None = None
    documented: str = "feedback"


Outcome = One | Many | Done


def page(people: Sequence[Subscriber], args: Mapping[str, str]) -> Many:
    """Returns the page of `people` by `startindex` (from 0) and `pagesize` (at most 250)."""
    start, size = args["startindex"], args["pagesize"]
    if not start.isdecimal() or not size.isdecimal() or not 1 <= int(size) <= 250:
        raise Failure("startindex or pagesize invalid", 400)
    return Many([person.shown() for person in people[int(start) : int(start) + int(size)]])
