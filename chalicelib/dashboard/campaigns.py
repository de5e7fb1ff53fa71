"""Chooses and orders the campaigns of a period, and compares one with its account's median campaign."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from ..domain.curves import MEASURED, measured, rates_by_age, recipients
from ..domain.figures import Snapshot
from ..statistics.queries import StatsReader

MOST = 1000
"""Campaigns of a period that are read; words and order work within them."""
PAGE = 50
MOST_POINTS = 120
"""Points of the curve of a campaign."""
YEARS = 6
"""Calendar years to choose from, beside the last twelve months."""
_PAGE_NUMBER = re.compile("[1-9][0-9]{0,4}")
SORTS = ("sent_at", "sent", "opens", "clicks", "bounces", "unsubscribes")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose to see. `page` counts from 1."""

    account: str | None = None
    period: str | None = None
    """A year, or a month such as `2026-10`, in UTC; None: the last twelve months."""
    words: str = ""
    sort: str = "sent_at"
    ascending: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """The campaigns of one page, and the number of those that were found."""

    campaigns: Sequence[Snapshot]
    found: int
    pages: int
    truncated: bool
    """True if the period has more campaigns than are read: the oldest are missing."""


def read_choice(given: Mapping[str, str], accounts: Sequence[str], now: datetime) -> Choice:
    """Returns the choice that a page's parameters make; one that cannot be read counts as not made."""
    account, period, sort, page = (given.get(name, "") for name in ("account", "year", "sort", "page"))
    return Choice(
        account=account if account in accounts else None,
        period=period if period in [str(year) for year in years(now)] + months(now) else None,
        words=given.get("words", "").strip()[:100],
        sort=sort if sort in SORTS else "sent_at",
        ascending=given.get("order") == "up",
        page=int(page) if _PAGE_NUMBER.fullmatch(page) and int(page) <= MOST // PAGE else 1,
    )


def years(now: datetime) -> list[int]:
    """Returns the years to choose from, newest first."""
    return [now.year - back for back in range(YEARS)]


def months(now: datetime) -> list[str]:
    """Returns the last twelve months to choose from, newest first."""
    counted = now.year * 12 + now.month - 1
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(counted, counted - 12, -1)]


def find(reader: StatsReader, choice: Choice, now: datetime) -> tuple[list[Snapshot], bool]:
    """Reads the campaigns of a choice in its order, and whether the period has more than could be read.

    Costs one query. Raises `StatsUnavailable`.
    """
    since, until = _bounds(choice.period, now)
    read = reader.page(account=choice.account, since=since, until=until, limit=MOST)
    words = folded(choice.words).split()
    found = [one for one in read.campaigns if all(word in folded(f"{one.name} {one.subject}") for word in words)]
    key = partial(_sort_value, choice.sort)
    # Campaigns without the figure come last in either order; of equal ones the newest comes first.
    known = [one for one in found if key(one) is not None]
    known.sort(key=lambda one: key(one) or 0, reverse=not choice.ascending)
    return known + [one for one in found if key(one) is None], read.cursor is not None


def _bounds(period: str | None, now: datetime) -> tuple[datetime, datetime | None]:
    if period is None:
        return now - timedelta(days=365), None
    year, month = int(period[:4]), int(period[5:] or 0)
    first = datetime(year, month or 1, 1, tzinfo=UTC)
    after = datetime(year + (month in (0, 12)), month % 12 + 1 if month else 1, 1, tzinfo=UTC)
    return first, after - timedelta(seconds=1)


def page_of(found: Sequence[Snapshot], choice: Choice, truncated: bool) -> CampaignPage:
    """Returns one page of the campaigns that were found; the last one for a number beyond it."""
    pages = max(1, -(-len(found) // PAGE))
    start = (min(choice.page, pages) - 1) * PAGE
    return CampaignPage(found[start : start + PAGE], len(found), pages, truncated)


def folded(text: str) -> str:
    """Returns a text without case and accents, as people search."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))


def rate(snapshot: Snapshot, name: str) -> float | None:
    """Returns opens, clicks, unsubscribes as a share of the recipients, or bounces as a share of all that was sent."""
    if name == "bounces":
        known = [each for each in (snapshot.hard_bounces, snapshot.soft_bounces) if each is not None]
        return sum(known) / snapshot.sent if known and snapshot.sent else None
    part, whole = measured(snapshot)[("opens", "clicks", "unsubscribes").index(name)], recipients(snapshot)
    return part / whole if part is not None and whole else None


def history_rates(history: Sequence[Snapshot], newest: Snapshot, which: int) -> list[tuple[float, float]]:
    """Returns a campaign's rate by age in hours, from its snapshots: up to thirty days, at most `MOST_POINTS` points.

    All rates refer to the newest number of recipients, so that a later correction of it does not bend the curve.
    """
    whole = recipients(newest)
    if whole is None or newest.sent_at is None:
        return []
    points = [
        ((one.taken_at - newest.sent_at).total_seconds() / 3600, figure / whole)
        for one in history
        if (figure := measured(one)[which]) is not None
    ]
    young = [(age, share) for age, share in points if 0 < age <= 720]
    thinned = young[:: max(1, -(-len(young) // (MOST_POINTS - 1)))]
    return thinned if not young or thinned[-1] == young[-1] else [*thinned, young[-1]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A campaign's rates beside those of its account's median campaign at some ages (hours); None: not known."""

    ages: Sequence[int]
    own: Sequence[Sequence[float | None]]
    median: Sequence[Sequence[float | None]]


COMPARED_AGES = (1, 4, 24, 48, 168, 720)


def compare(newest: Snapshot, medians: Sequence[Sequence[tuple[int, float]]] | None) -> Comparison:
    """Returns the figures at a few ages that the campaign has reached, for each of opens, clicks and unsubscribes."""
    own = [dict(rates_by_age(newest, which)) for which in range(len(MEASURED))]
    median = [dict(one) for one in medians] if medians else [{} for _ in MEASURED]
    ages = [age for age in COMPARED_AGES if any(age in rates for rates in own)]
    return Comparison(
        ages,
        [[rates.get(age) for age in ages] for rates in own],
        [[rates.get(age) for age in ages] for rates in median],
    )


def median_now(newest: Snapshot, medians: Sequence[tuple[int, float]]) -> float | None:
    """Returns the median rate at the campaign's own age; None if no age of the median is that young."""
    if newest.sent_at is None:
        return None
    age = (newest.taken_at - newest.sent_at).total_seconds() / 3600
    return next((rate for at, rate in reversed(medians) if at <= age), None)


def _sort_value(sort: str, one: Snapshot) -> float | None:
    match sort:
        case "sent_at":
            return None if one.sent_at is None else one.sent_at.timestamp()
        case "sent":
            return one.sent
        case _:
            return rate(one, sort)
