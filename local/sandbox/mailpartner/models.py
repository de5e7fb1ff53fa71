"""The data of a simulated MailPartner account, and the argument of its functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .opt_out_list import OptOuts


class Refused(Exception):
    """A call that the vendor refuses, with its code, whose meaning depends on the function."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


@dataclass
class Message:
    """A message that was sent, or will be at `due`."""

    id: int
    subject: str
    recipients: list[str]
    due: datetime
    cost: float
    cancelled: bool = False
    html: str = ""

    def state(self, now: datetime) -> str:
        """Returns the state for the page."""
        if self.cancelled:
            return "cancelled"
        return "sent" if now >= self.due else "scheduled"


@dataclass
class SubAccount:
    """A sub-account. `token` names it in the credit calls."""

    id: int
    email: str
    type: str
    token: str
    api_key: str
    created: datetime
    balance: float = 0.0


@dataclass
class Account:
    """A main account, found by its key."""

    name: str
    api_key: str
    username: str
    balance: float = 100.0
    optouts: OptOuts = field(default_factory=OptOuts)
    messages: dict[int, Message] = field(default_factory=dict)
    subaccounts: dict[str, SubAccount] = field(default_factory=dict)
    refuse_send_with: int | None = None
    """A code that every `send` answers, such as 11 (no credit), 20 (disabled) or 96 (IP refused)."""


@dataclass
class Options:
    """Interpretations of the documentation that a test may choose between."""

    failure_status: int = 200
    """HTTP status of a failure: not stated; a sister product answers 400."""
    rate_per_minute: int = 2000
    """Requests a minute an IP, by the real clock, before code 429; 0: no limit."""
    true_nb_data: bool = False
    """XML: `nbData` is the number of rows. The vendor's sample says 3 and shows one, so by default it is two more."""
    statut: bool = False
    """`bulk-status` says `statut`, which some clients read, not `status`."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one call."""

    account: Account
    now: datetime
    options: Options
    new_id: Callable[[], int]


Function = Callable[[Context, Mapping[str, Any]], dict[str, Any]]


def delivered_by(message: Message) -> datetime:
    """Returns when a message's reports are complete: in the sandbox a minute after sending."""
    return message.due + timedelta(minutes=1)
