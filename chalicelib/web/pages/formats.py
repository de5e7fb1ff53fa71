"""Writes numbers, rates and times as French, Dutch and English readers do."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

_NARROW_SPACE, _SPACE = "\u202f", "\u00a0"
_DIRECTIONAL_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
UNKNOWN = "–"
"""Shown where a figure is not known."""


@dataclass(frozen=True, slots=True)
class Formats:
    """The way a language writes numbers and dates, in one time zone."""

    thousands: str
    decimal: str
    before_percent: str
    first: str
    """How the first day of a month is written."""
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    weekdays: tuple[str, ...]
    ago: tuple[str, str]
    """What stands before and after a length of time that has passed."""
    units: tuple[str, str, str, str]
    """Seconds, minutes, hours and days, as they follow a number."""
    zone: tzinfo = UTC

    def isolated(self, text: str) -> str:
        """Returns a user's text isolated by Unicode's FSI and PDI if it is written from right to left.

        Without them it would reorder the text beside it; unlike HTML's `bdi` they work in a page's title, too. The
        text's own directional controls are left out.
        """
        kept = "".join(each for each in text if unicodedata.bidirectional(each) not in _DIRECTIONAL_CONTROLS)
        from_right = any(unicodedata.bidirectional(each) in ("R", "AL") for each in kept)
        return f"\u2068{kept}\u2069" if from_right else kept

    def number(self, value: int | None) -> str:
        """Returns a whole number with its thousands grouped."""
        return UNKNOWN if value is None else f"{value:,}".replace(",", self.thousands)

    def share(self, share: float | None) -> str:
        """Returns a share (0 to 1) in percent, with one decimal, or two where it is below a percent."""
        if share is None:
            return UNKNOWN
        return self.decimals(100 * share, 2 if 0 < share < 0.00995 else 1) + self.before_percent + "%"

    def axis_share(self, share: float) -> str:
        """Returns a round share in percent, with no more decimals than it has."""
        return f"{100 * share:.3f}".rstrip("0").rstrip(".").replace(".", self.decimal) + self.before_percent + "%"

    def decimals(self, value: float, decimals: int = 1) -> str:
        """Returns a number with its decimals."""
        return f"{value:.{decimals}f}".replace(".", self.decimal)

    def duration(self, seconds: float) -> str:
        """Returns a length of time in its largest unit; hours below ten with their minutes."""
        whole = max(0, int(seconds))
        seconds_unit, minutes_unit, hours_unit, days_unit = self.units
        if whole < 60:
            return f"{whole}{_SPACE}{seconds_unit}"
        if whole < 3600:
            return f"{whole // 60}{_SPACE}{minutes_unit}"
        if whole < 36_000 and whole % 3600 >= 60:
            return f"{whole // 3600}{_SPACE}{hours_unit}{_SPACE}{whole % 3600 // 60:02}"
        if whole < 172_800:
            return f"{whole // 3600}{_SPACE}{hours_unit}"
        return f"{whole // 86_400}{_SPACE}{days_unit}"

    def since(self, moment: datetime, now: datetime) -> str:
        """Returns how long ago a moment was."""
        before, after = self.ago
        return f"{before}{self.duration((now - moment).total_seconds())}{after}"

    def day(self, moment: datetime | date, year: bool = False) -> str:
        """Returns a day of the zone, with its year on demand."""
        local = moment.astimezone(self.zone) if isinstance(moment, datetime) else moment
        return f"{self._number_of(local)}{_SPACE}{self.months[local.month - 1]}" + (
            f"{_SPACE}{local.year}" if year else ""
        )

    def day_short(self, day: date) -> str:
        """Returns a day with its month abbreviated, for the axis of a chart."""
        return f"{self._number_of(day)}{_SPACE}{self.short_months[day.month - 1]}"

    def _number_of(self, day: date) -> str:
        return self.first if day.day == 1 else str(day.day)

    def month(self, month: str) -> str:
        """Returns a month, given as `2026-10`, with its year."""
        return f"{self.months[int(month[5:]) - 1]}{_SPACE}{month[:4]}"

    def weekday(self, day: date) -> str:
        """Returns the name of a day's weekday."""
        return self.weekdays[day.weekday()]

    def clock(self, moment: datetime) -> str:
        """Returns the time of day in the zone."""
        return f"{moment.astimezone(self.zone):%H:%M}"

    def hour(self, moment: datetime) -> str:
        """Returns the time of day in the zone, followed by that in UTC."""
        return f"{self.clock(moment)} ({moment.astimezone(UTC):%H:%M}{_SPACE}UTC)"

    def time(self, moment: datetime, year: bool = False) -> str:
        """Returns day and time in the zone, followed by the time in UTC, with its day where that is another."""
        utc = moment.astimezone(UTC)
        same_day = utc.date() == moment.astimezone(self.zone).date()
        there = f"{utc:%H:%M}" if same_day else f"{self.day(utc.date())},{_SPACE}{utc:%H:%M}"
        return f"{self.day(moment, year)}, {self.clock(moment)} ({there}{_SPACE}UTC)"


def formats(language: str, zone: str) -> Formats:
    """Returns the formats of `fr`, `nl` or `en` in a valid time zone of the IANA database."""
    return replace(_FORMATS[language], zone=ZoneInfo(zone))


_FORMATS = {
    "fr": Formats(
        thousands=_NARROW_SPACE,
        decimal=",",
        before_percent=_NARROW_SPACE,
        first="1er",
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin"),
            *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        ),
        short_months=(
            *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
            *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
        ),
        weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        ago=("il y a ", ""),
        units=("s", "min", "h", "j"),
    ),
    "nl": Formats(
        thousands=".",
        decimal=",",
        before_percent="",
        first="1",
        months=(
            *("januari", "februari", "maart", "april", "mei", "juni"),
            *("juli", "augustus", "september", "oktober", "november", "december"),
        ),
        short_months=(
            *("jan.", "feb.", "mrt.", "apr.", "mei", "juni"),
            *("juli", "aug.", "sep.", "okt.", "nov.", "dec."),
        ),
        weekdays=("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
        ago=("", " geleden"),
        units=("s", "min.", "u", "d"),
    ),
    "en": Formats(
        thousands=",",
        decimal=".",
        before_percent="",
        first="1",
        months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        short_months=(
            *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
            *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        ),
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        ago=("", " ago"),
        units=("s", "min", "h", "d"),
    ),
}
