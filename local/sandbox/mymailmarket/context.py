"""What every myMailMarket function is handed, and the three forms of what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .models import Account, Failure, Subscriber


@dataclass
class Options:
    """Readings of the documentation that a test may choose between."""

    shape: str = "documented"
    """Form of single answers: `documented` (by function), `object`, `array` (of one), `feedback` (for changes), or
    `mixed` (another at each call)."""
    session_minutes: float = 120.0
    session_key_length: int = 36
    md5_upper_case_too: bool = False
    """Take the password's MD5 in upper case as well."""
    stats_step_seconds: float = 3600.0
    """Campaign figures change in steps of so many seconds."""
    newest_first: bool = True
    """Pages of subscribers begin with the latest update, so that a change shifts the rows; else with the oldest id."""


@dataclass(frozen=True, slots=True)
class Context:
    """One call's surroundings. `body` is the parsed JSON body of a POST, None where there is none."""

    account: Account
    now: datetime
    figures_at: datetime
    options: Options
    new_id: Callable[[], str]
    body: Any = None

    def fields(self) -> dict[str, Any]:
        """The body as an object. Raises `Failure` 400 when it is none."""
        if not isinstance(self.body, Mapping):
            raise Failure("the body must be a JSON object", 400)
        return dict(self.body)


@dataclass(frozen=True, slots=True)
class One:
    """A single thing; the vendor's pages call some of them arrays."""

    value: dict[str, Any]
    as_array: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """Several things."""

    values: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: a FeedbackDTO, or the thing as it is now (`documented` says which is the default)."""

    result_id: str
    value: dict[str, Any] | None = None
    documented: str = "feedback"


Outcome = One | Many | Done


def page(people: Sequence[Subscriber], args: Mapping[str, str]) -> Many:
    """The part of `people` that `startindex` (from 0) and `pagesize` (at most 250) name."""
    start, size = args["startindex"], args["pagesize"]
    if not start.isdecimal() or not size.isdecimal() or not 1 <= int(size) <= 250:
        raise Failure("startindex or pagesize invalid", 400)
    return Many([person.shown() for person in people[int(start) : int(start) + int(size)]])
