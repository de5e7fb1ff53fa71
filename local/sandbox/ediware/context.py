"""The argument of every Ediware function: account, time and options of the call; and a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .models import Account


class Refused(Exception):
    """A call that the vendor refuses. `bare`: answered as text, without JSON."""

    def __init__(self, message: str, *, bare: bool = False) -> None:
        self.message, self.bare = message, bare
        super().__init__(message)


@dataclass
class Options:
    """Interpretations of the documentation that a test may choose between."""

    unsub_answers_1: bool = False
    """`unsub_add` answers 1, as the text says, not {"result": "ok"}, as the sample says."""
    creation_as_array: bool = False
    """`user_create` and `list_create` answer an array of one, as the text says of the first."""
    protected_as_json: bool = False
    """The refusal to delete a protected list is {"error", "message"}, not as bare text."""
    stats_step_seconds: float = 3600.0
    """Figures change in steps of so many seconds: the vendor caches them for up to one hour."""
    ip_message: str = "Error api_key invalid"
    """The message for an undeclared IP. Not documented; the vendor checks key and IP together."""
    content_type: str = "application/json; charset=utf-8"
    """Content-Type of every answer; not documented."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one call."""

    account: Account
    now: datetime
    figures_at: datetime
    """The time of the figures in the vendor's cache."""
    options: Options
    new_id: Callable[[], str]
    fetched: str = ""
    """The text of the file of `list_insert_url`."""
