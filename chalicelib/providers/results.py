"""Reads values of providers' answers tolerantly, and makes results into JSON with secrets masked."""

from __future__ import annotations

import dataclasses
import html
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ..domain.addresses import MAX_LENGTH
from ..domain.secret_masking import MASK, is_secret_name

_ADDRESS = re.compile(r"[^@\x00-\x1f\x7f-\x9f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
PARIS = ZoneInfo("Europe/Paris")
_MOST = 10**15
"""No campaign has as many mails."""
_PLAIN = re.compile(r"[+]?([0-9]{1,16})(?:[.,]0{0,2})?")
# One sort of separator before every three digits, then perhaps a fraction of zero after another sort.
_GROUPED = re.compile(
    r"[+]?([1-9][0-9]{0,2}(?P<by>[ .,'\u2019])[0-9]{3}(?:(?P=by)[0-9]{3}){0,4})(?:(?!(?P=by))[.,]0{1,2})?"
)


def first(row: Mapping[str, Any], *names: str) -> Any:
    """Returns the value of the first of these keys that the row has with a value; None if it has none."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def text(value: Any) -> str:
    """Returns a string, or an integer in a string's place, as `str`; anything else as the empty string."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def count(value: Any) -> int | None:
    """Reads a whole number, given as a number or a string; None for anything else, so that nothing is invented."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}(\.0*)?\s*", value):
        return int(value.strip().split(".")[0])
    return None


def figure(value: Any) -> int | None:
    """Reads a figure of a campaign: a whole number from 0, also with grouped thousands (`12 480`, `1,234`, `12.480`).

    White space of any kind and apostrophes may stand between the groups. A point or comma before three digits groups;
    before one or two zeros it is a decimal point. None for anything else.
    """
    if not isinstance(value, str):
        number = count(value)
    else:
        if any(unicodedata.category(each) == "No" for each in value):
            return None  # such as a superscript footnote mark, which normalisation would turn into a digit
        written = unicodedata.normalize("NFKC", html.unescape(value)).strip()
        found = _PLAIN.fullmatch(written) or _GROUPED.fullmatch(written)
        number = None if found is None else int(re.sub(r"[^0-9]", "", found[1]))
    return number if number is not None and 0 <= number < _MOST else None


def is_stated(value: Any) -> bool:
    """Returns False for what stands for no value: null and blank texts."""
    return value is not None and not (isinstance(value, str) and not html.unescape(value).strip())


def address(value: Any) -> str | None:
    """Reads an e-mail address, checked as for an unsubscribe; None for anything else, such as a telephone number."""
    trimmed = text(value).strip()
    return trimmed if _ADDRESS.fullmatch(trimmed) and len(trimmed) <= MAX_LENGTH else None


def paris_time(value: Any) -> datetime | None:
    """Reads `YYYY-MM-DD HH:MM:SS[.ffffff]` as UTC; in Europe/Paris unless it states a zone.

    None for anything else, `0000-00-00 …` included.
    """
    try:
        moment = datetime.fromisoformat(text(value).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=PARIS)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_json(value: Any) -> Any:
    """Makes dataclasses, datetimes, sequences and mappings into JSON values; masks values under a secret's name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_json({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _masked(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def _masked(name: str, value: Any) -> Any:
    if is_secret_name(name) and isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return MASK
    return as_json(value)
