"""The curve of a campaign: what its figures were at certain ages, and the median of several campaigns at each age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .figures import Snapshot

AGES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 30, 36, 48, 60, 72, 96, 120, 144, 168, 240, 336, 504, 720)
"""Hours since sending, at most 24 points: close together while most people open, up to 30 days."""
MEASURED = (("unique_opens", "opens"), ("unique_clicks", "clicks"), ("unsubscribes",))
"""What a point holds: of each, the first figure that is known."""
Point = tuple[int | None, ...]
"""Opens, clicks and unsubscribes; None: unknown."""
Curve = Mapping[int, Point]
"""Points by age: the last figures known before a campaign was that old. Between two points nothing changed."""


def with_point(curve: Curve, snapshot: Snapshot) -> Curve:
    """Returns the curve with a snapshot's figures at its age; unchanged where the age is unknown or over 30 days."""
    if snapshot.sent_at is None:
        return curve
    hours = (snapshot.taken_at - snapshot.sent_at).total_seconds() / 3600
    age = next((age for age in AGES if hours <= age), None)
    point = measured(snapshot)
    if age is None or hours < 0 or all(figure is None for figure in point):
        return curve
    return dict(sorted({**curve, age: point}.items()))


def measured(snapshot: Snapshot) -> Point:
    """Returns opens, clicks and unsubscribes of a snapshot: unique ones where they are known."""
    return tuple(
        next((figure for name in names if (figure := getattr(snapshot, name)) is not None), None) for names in MEASURED
    )


def recipients(snapshot: Snapshot) -> int | None:
    """Returns the number that rates refer to: delivered, else sent; None if neither is known or it is 0."""
    return snapshot.delivered or snapshot.sent or None


def rates_by_age(snapshot: Snapshot, which: int) -> list[tuple[int, float]]:
    """Returns the share of recipients (0 to 1) at each age of the grid that the campaign has reached.

    `which` is the index in `MEASURED`. Ages before the first known figure are left out.
    """
    whole = recipients(snapshot)
    if whole is None or snapshot.sent_at is None:
        return []
    reached = (snapshot.taken_at - snapshot.sent_at).total_seconds() / 3600
    rates, last = [], None
    for age in AGES:
        point = snapshot.curve.get(age)
        if point is not None and point[which] is not None:
            last = point[which]
        if last is not None and (age <= reached or age in snapshot.curve):
            rates.append((age, last / whole))
    return rates


def median_rates(campaigns: Iterable[Snapshot]) -> tuple[list[tuple[int, float]], ...]:
    """Returns the median rate of several campaigns at each age, for each of `MEASURED`.

    Ages that fewer than three of them have reached are left out.
    """
    known = list(campaigns)
    found = []
    for which in range(len(MEASURED)):
        at_age: dict[int, list[float]] = {}
        for campaign in known:
            for age, rate in rates_by_age(campaign, which):
                at_age.setdefault(age, []).append(rate)
        found.append([(age, median(rates)) for age, rates in sorted(at_age.items()) if len(rates) >= 3])
    return tuple(found)


def to_text(curve: Curve) -> str:
    """Returns a curve as compact text for one attribute: `age:opens,clicks,unsubscribes` each, separated by spaces."""
    return " ".join(f"{age}:{','.join('' if n is None else str(n) for n in point)}" for age, point in curve.items())


def from_text(text: str) -> Curve:
    """Parses what `to_text` returned; a malformed text is an empty curve, since curves are only shown."""
    try:
        pairs = (part.split(":") for part in text.split())
        points = {int(age): tuple(int(n) if n else None for n in point.split(",")) for age, point in pairs}
    except ValueError:
        return {}
    return points if all(len(point) == len(MEASURED) for point in points.values()) else {}
