"""Reads a campaign's figures from answers whose fields are documented nowhere.

Every number found is stored under its own name. Those with a known meaning, in whatever case, spelling and nesting
(`TotalSent`, `opened_unique`, `{"Clicks": {"Total": 5}}`, `[{"Name": "Opened", "Value": 5}]`), become the figures that
all providers share. Where several names fit, the one with the fewest other words is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..results import count, figure, is_stated, paris_time, text
from ..spec import CampaignFigures
from .rows import Row, id_of, named

MAX_RAW = 200
_OLDEST = 2000
"""A year before which no campaign was sent: .NET writes the year 1 for "no date"."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NOT_A_COUNT = re.compile(r"rate$|ratio|percent|^pct$|^perc$|average|^avg$|date|time|stamp|version")
_OTHER_WORDS = frozenset({"not", "non", "no", "never", "last", "first", "at", "per", "id", "days", "hours"})
_NEUTRAL = re.compile(
    r"all|amount|campaign|count|data|e?mails?|figures|messages?|nb|nr|num(bers?)?|of|results?|stat(istic)?s|the|totals?|value"
)
_MEANINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("unsubscribes", re.compile(r"unsub|optout|optedout|signoff")),
    ("soft_bounces", re.compile(r"soft.*bounc|bounc.*soft")),
    ("hard_bounces", re.compile(r"hard.*bounc|bounc.*hard")),
    ("bounces", re.compile(r"bounc")),
    ("clicks", re.compile(r"(?<!not)click")),
    ("opens", re.compile(r"(?<!not)(?<!un)open")),
    ("delivered", re.compile(r"(?<!not)(?<!un)deliver")),
    ("sent", re.compile(r"(?<!not)(?<!un)(?<!re)(?<!con)(?<!ab)(?<!pre)sent|mailed")),
)
_UNIQUE = re.compile(r"unique|distinct")
_LABELS = ("name", "label", "key", "type", "title", "description")
_VALUES = ("value", "count", "number", "total", "amount")
_SENT_NAMES = ("sendtimestamp", "sentdate", "datesent", "senddate", "sentat", "senton", "sendtime", "senttime", "sent")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an answer and the path of names to it. `listed`: it belongs to one of several items of an array.

    `value` is None where something else stands under the name of a figure.
    """

    path: Path
    value: int | float | None
    listed: bool = False


def campaign_id(row: Row) -> str:
    """Returns the id of a row of `campaigns`; empty if it has none."""
    return id_of(row, "id", "campaignid")


def sent_at(row: Row) -> datetime | None:
    """Returns when a campaign of `campaigns` was sent, in UTC; None if unknown. A time without a zone is Belgian."""
    plain = {re.sub(r"[^a-z]", "", str(name).lower()): value for name, value in row.items()}
    for value in (plain.get(name) for name in _SENT_NAMES):
        moment = value if isinstance(value, datetime) else paris_time(value)
        if moment is not None and moment.year >= _OLDEST:
            return moment
    return None


def figures(row: Row, stats: Row | list[Row]) -> CampaignFigures:
    """Makes a campaign's figures from its row of `campaigns` and the answer of `campaign_stats`.

    Bounces of no stated sort count as hard ones, so that they are shown.
    """
    numbers = list(_numbers(stats, ()))
    known = _known(numbers)
    unreadable = _unreadable(numbers, known)
    bounces = known.pop("bounces", None)
    if bounces is not None and "soft_bounces" not in known:
        known.setdefault("hard_bounces", bounces)
    return CampaignFigures(
        campaign=campaign_id(row),
        name=text(named(row, "name", "campaignname", "title")) or None,
        subject=text(named(row, "subject", "subjectmail", "mailsubject")) or None,
        sent_at=sent_at(row),
        raw=_raw(numbers),
        unreadable=unreadable,
        **known,
    )


def _numbers(value: Any, path: Path, listed: bool = False) -> Iterator[Number]:
    if isinstance(value, Mapping):
        label = _label(value)
        for name, item in value.items():
            own = (label,) if label and str(name).lower() in _VALUES else (str(name),)
            yield from _numbers(item, path + own, listed and not label)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            labelled = isinstance(item, Mapping) and bool(_label(item))
            alone = len(value) == 1
            yield from _numbers(item, path if labelled or alone else (*path, str(position)), not labelled and not alone)
    else:
        named_figure = _meaning(path, listed)[0] != ""
        number = _number(value, path, named_figure)
        is_text = isinstance(value, str) and is_stated(value) and paris_time(value) is None
        if number is not None or (named_figure and is_text):
            yield Number(path, number, listed)


def _label(row: Mapping[str, Any]) -> str:
    """Returns the name of a pair such as `{"Name": "Opened", "Value": 5}`; empty for any other object."""
    if named(row, *_VALUES) is None:
        return ""
    return text(named(row, *_LABELS))


def _number(value: Any, path: Path, named_figure: bool) -> int | float | None:
    """Returns a number that came as one or, unless it is an id, as a text; thousands are grouped in figures alone."""
    if isinstance(value, float) and not value.is_integer():
        return value if math.isfinite(value) else None
    is_id = bool(path) and path[-1].lower().endswith("id")
    if is_id and isinstance(value, str):
        return None
    return figure(value) if named_figure and isinstance(value, str) else count(value)


def _known(numbers: list[Number]) -> dict[str, int]:
    """Returns figure -> count, by the name that fits best."""
    best: dict[str, tuple[int, int]] = {}
    for number in numbers:
        name, others = _meaning(number.path, number.listed)
        value = figure(number.value)
        if name and value is not None and others < best.get(name, (99, 0))[0]:
            best[name] = (others, value)
    return {name: value for name, (_, value) in best.items()}


def _unreadable(numbers: list[Number], known: Mapping[str, int]) -> tuple[str, ...]:
    """Returns the names of what means a figure but cannot be read, where nothing else states that figure."""
    failed = (one for one in numbers if figure(one.value) is None and _meaning(one.path, one.listed)[0] not in known)
    return tuple(name for one in failed if _meaning(one.path, one.listed)[0] and "@" not in (name := _name(one.path)))


def _meaning(path: Path, listed: bool) -> tuple[str, int]:
    """Returns the figure that a number's names mean (empty for none), and how many other words they have."""
    words = [word.lower() for name in path for word in _WORDS.findall(name)]
    if listed or any(word in _OTHER_WORDS or _NOT_A_COUNT.search(word) for word in words[-3:]):
        return "", 0
    joined = "".join(words)
    meant = next((name for name, pattern in _MEANINGS if pattern.search(joined)), "")
    unique = _UNIQUE.search(joined) is not None
    if unique:
        meant = f"unique_{meant}" if meant in ("opens", "clicks") else ""
    return meant, sum(_NEUTRAL.fullmatch(word) is None for word in words) - unique


def _raw(numbers: list[Number]) -> dict[str, int | float]:
    """Returns the numbers under their own names, without names that may be an address, and at most `MAX_RAW`."""
    named_numbers = {_name(number.path): number.value for number in numbers if number.value is not None}
    safe = {name: value for name, value in named_numbers.items() if "@" not in name}
    return dict(list(safe.items())[:MAX_RAW])


def _name(path: Path) -> str:
    return ".".join(path)[:100]
