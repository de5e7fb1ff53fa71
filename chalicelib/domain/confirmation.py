"""Double opt-in as values: what is known of a signup's confirmation, and how many mails a mailbox may get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto

MOST_MAILS = 2
"""Confirmation mails of one signup: a second one is sent only where the outcome of the first is unknown."""
MOST_AN_HOUR = 2
MOST_A_DAY = 5
"""Confirmation mails to one mailbox, by all forms together."""
FORGOTTEN_PAUSE = timedelta(days=30)
"""In this time, the mailbox of a person who asked to be forgotten gets at most one confirmation mail."""


class ConfirmationStatus(StrEnum):
    """The states of a confirmation, as `GET /events/{id}` shows them."""

    WAITING = auto()
    """The mail is still to be sent."""
    SENT = auto()
    CONFIRMED = auto()
    EXPIRED = auto()
    """Nobody confirmed it in time."""
    FAILED = auto()
    """The mail was refused, or not sent because its mailbox had too many."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is known of the confirmation of a signup that needs one. Times are aware, UTC."""

    expires_at: datetime
    """The signup can be confirmed until then."""
    language: str
    """The language of the mail."""
    attempts: int = 0
    mails: int = 0
    """The number of mails that were sent, or may have been."""
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None
    words: str | None = None
    """The SHA-256 of the words of the mail."""

    def status(self, *, ended_at: datetime | None, has_begun: bool, now: datetime) -> ConfirmationStatus:
        """Returns the state of the confirmation at `now`.

        `ended_at` is when the signup ended without being confirmed. `has_begun` is False if the time to confirm begins
        only with the mail: the signup is quarantined, or was released or sent again.
        """
        if self.confirmed_at is not None:
            return ConfirmationStatus.CONFIRMED
        if not has_begun:
            return ConfirmationStatus.WAITING
        if (ended_at or now) >= self.expires_at:
            return ConfirmationStatus.EXPIRED
        if ended_at is not None:
            return ConfirmationStatus.FAILED
        return ConfirmationStatus.WAITING if self.sent_at is None else ConfirmationStatus.SENT


def may_mail(sent: Sequence[datetime], now: datetime, *, forgotten: bool) -> bool:
    """Returns True if a mailbox may get one more confirmation mail.

    `sent` are the times of the mails that it got; `forgotten` is True if the person asked to be forgotten.
    """
    if forgotten:
        return not any(now - at < FORGOTTEN_PAUSE for at in sent)
    last_hour = sum(now - at < timedelta(hours=1) for at in sent)
    last_day = sum(now - at < timedelta(days=1) for at in sent)
    return last_hour < MOST_AN_HOUR and last_day < MOST_A_DAY
