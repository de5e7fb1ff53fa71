"""The bounds of every number and the maximum length of every text of the configuration.

The parser, its messages, the defaults of `model` and a test of the documents read them here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..domain.limits import FIELD_CHARACTERS

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Number(Generic[N]):
    """A number of the configuration: whole if its default is, decimals allowed otherwise."""

    place: str
    """Section and key, as in the documents: `delivery.first_retry_seconds`."""
    default: N
    lowest: N
    highest: N

    @property
    def key(self) -> str:
        """The key without its section."""
        return self.place.rpartition(".")[2]

    @property
    def ends(self) -> str:
        """Both bounds as text, for messages and documents: `1 to 3650`."""
        return f"{_plain(self.lowest)} to {_plain(self.highest)}"

    def accepts(self, value: object) -> bool:
        """Returns True for a finite number of the right type within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int if isinstance(self.default, int) else (int, float)):
            return False
        return self.lowest <= value <= self.highest

    @property
    def remedy(self) -> str:
        """What belongs there."""
        kind = "whole number" if isinstance(self.default, int) else "number"
        return f"must be a {kind} from {self.ends}, without quotes"


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


_MONTH_IN_SECONDS = 30 * 86_400.0
_TEN_YEARS_IN_HOURS = 87_600.0

UNSUBSCRIBES_PER_HOUR = Number("forms.NAME.unsubscribes_per_hour", 200, 0, 1_000_000)
SIGNUPS_PER_HOUR = Number("forms.NAME.signups_per_hour", 500, 0, 1_000_000)
SIGNUPS_PER_HOUR_PER_NETWORK = Number("forms.NAME.signups_per_hour_per_network", 0, 0, 1_000_000)
SILENT_AFTER = Number("forms.NAME.silent_after", 24.0, 1.0, 2160.0)
"""Hours; its default is a text."""
FIELD_LENGTH = Number("forms.NAME.field_length", FIELD_CHARACTERS, 1, 60_000)
CONFIRM_WITHIN_HOURS = Number("forms.NAME.confirm_within_hours", 72.0, 0.0001, 720.0)
NEWS_PER_RUN = Number("sync.unsubscribes.news_per_run", 5000, 1, 1_000_000)
FIRST_RETRY_SECONDS = Number("delivery.first_retry_seconds", 30.0, 0.001, _MONTH_IN_SECONDS)
LONGEST_RETRY_SECONDS = Number("delivery.longest_retry_seconds", 3600.0, 0.001, _MONTH_IN_SECONDS)
GIVE_UP_AFTER_HOURS = Number("delivery.give_up_after_hours", 168.0, 0.0001, _TEN_YEARS_IN_HOURS)
UNKNOWN_ATTEMPTS = Number("delivery.unknown_attempts", 3, 1, 1000)
KEEP_EVENTS_DAYS = Number("privacy.keep_events_days", 90, 1, 3650)
KEEP_CONSENT_YEARS = Number("privacy.keep_consent_years", 3, 1, 100)

NUMBERS: tuple[Number[int] | Number[float], ...] = (
    UNSUBSCRIBES_PER_HOUR,
    SIGNUPS_PER_HOUR,
    SIGNUPS_PER_HOUR_PER_NETWORK,
    FIELD_LENGTH,
    CONFIRM_WITHIN_HOURS,
    NEWS_PER_RUN,
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    GIVE_UP_AFTER_HOURS,
    UNKNOWN_ATTEMPTS,
    KEEP_EVENTS_DAYS,
    KEEP_CONSENT_YEARS,
)
"""Every number of the configuration."""

FILE_KB = 1024
"""Size of the whole file."""
TEXT_CHARACTERS = 2048
"""Length of a text without a limit of its own, such as a URL."""
SECRET_CHARACTERS = 4096
ORGANISATION_CHARACTERS = 200
"""Length of the organisation's name."""
LABEL_CHARACTERS = 200
CONSENT_TEXT_CHARACTERS = 2048
MAIL_CHARACTERS = 10_000
"""Length of the body of a confirmation mail."""
LIST_ITEMS = 1000
OWN_KEY_CHARACTERS = 32
"""Minimum length of every key that Relais makes its own tokens and hashes with, or that opens its own pages."""
