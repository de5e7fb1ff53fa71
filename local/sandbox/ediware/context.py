"""What every Ediware function is handed: whose call it is, when, and how the sandbox is set to behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .models import Account


class Refused(Exception):
    """A call that the vendor refuses. `bare`: the text stands alone, without JSON round it."""

    def __init__(self, message: str, *, bare: bool = False) -> None:
        self.message, self.bare = message, bare
        super().__init__(message)


@dataclass
class Options:
    """Readings of the documentation that a test may choose between."""

    unsub_answers_1: bool = False
    """`unsub_add` answers 1, as the text says, not {"result": "ok"}, as the sample says."""
    creation_as_array: bool = False
    """`user_create` and `list_create` answer an array of one, as the text says of the first."""
    protected_as_json: bool = False
    """The refusal to delete a protected list comes as {"error", "message"}, not as bare text."""
    stats_step_seconds: float = 3600.0
    """Figures change in steps of so many seconds: the vendor caches them for up to one hour."""
    ip_message: str = "Error api_key invalid"
    """What a caller from an undeclared IP is told. Not documented; key and IP are one check there."""
    content_type: str = "application/json; charset=utf-8"
    """Content-Type of every answer; not documented."""


@dataclass(frozen=True, slots=True)
class Context:
    """One call's surroundings."""

    account: Account
    now: datetime
    figures_at: datetime
    """The moment whose figures the vendor's cache holds."""
    options: Options
    new_id: Callable[[], str]
    fetched: str = ""
    """The file that `list_insert_url` names."""
