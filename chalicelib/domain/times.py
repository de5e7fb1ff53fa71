"""Parses and formats RFC 3339 times; values are always UTC and whole milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY_OF_YEAR = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
DATE_PATTERN = f"(?:(?!0000)[0-9]{{4}}-(?:{_DAY_OF_YEAR})|{_LEAP_YEAR}-02-29)"
"""A date that exists, as ISO 8601 writes it."""
# RFC 3339 §5.6. The letters may be lower case; a space instead of the T, optional in the RFC, is not accepted. Seconds
# may be absent, as in ISO 8601.
TIME_PATTERN = (
    f"{DATE_PATTERN}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\\.[0-9]+)?)?"
    "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""A time that `parse_time` reads, also one without seconds; the year 0 is none."""
_TIME = re.compile(TIME_PATTERN)
_PARTS = re.compile(r"(.{4})-(..)-(..)[Tt](..):(..)(?::(..)(?:\.([0-9]+))?)?(?:[Zz]|([+-])(..):(..))")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_time(text: str) -> datetime:
    """Parses an RFC 3339 text, also one without seconds: aware, UTC, cut to the millisecond.

    A leap second (`:60`) becomes the last millisecond of its minute, as Python has none.

    Raises:
        ValueError: The text is not an RFC 3339 date and time with an offset, or the time does not exist.
    """
    found = _PARTS.fullmatch(text)
    if found is None or _TIME.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 date and time")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3, 4, 5, 6))
    millisecond = int(((found[7] or "") + "000")[:3])
    if second == 60:
        second, millisecond = 59, 999
    local = datetime(year, month, day, hour, minute, second, millisecond * 1000, _zone(*found.group(8, 9, 10)))
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    """Returns the time zone of an offset; UTC if the text ends in Z."""
    if sign is None or hours is None or minutes is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def format_time(moment: datetime) -> str:
    """Formats `moment` (aware) as RFC 3339 in UTC, with milliseconds only if not zero; `parse_time` reads it back."""
    utc = to_milliseconds(moment)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """Returns `moment` (aware) in UTC, cut to the millisecond, so that storing a time does not change it."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def years_before(moment: datetime, years: int) -> datetime:
    """Returns the same day and time `years` earlier; the 28th of February for a 29th that does not exist there."""
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:
        return moment.replace(year=moment.year - years, day=28)


def epoch_milliseconds(moment: datetime) -> int:
    """Returns whole milliseconds from 1970 to `moment` (aware), rounded down; negative before 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def from_epoch_milliseconds(milliseconds: int) -> datetime:
    """Returns the time that many milliseconds after 1970, as in SQS and signed requests: aware, UTC.

    Raises:
        ValueError: The time is outside the years 1 to 9999.
    """
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
