"""Decides whether a form has gone silent: against the rhythm of its own weekdays, or after a number of hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Literal

HISTORY_DAYS = 13 * 7
"""Days that the decision looks at. After a silence of nearly so long, a form counts as one that is not used."""
KNOWN_AFTER = timedelta(days=28)
"""A form whose first signup is younger has no rhythm yet."""
DAYS_NEEDED = 8
"""Days with a signup that a rhythm needs."""
FEW_GAPS = 12
"""With fewer gaps than this the longest is the usual one; with more, one may be a holiday."""
REGULAR = 1.25
"""A usual gap up to this is that of a form that hardly misses a day on which it is expected."""
SLOW = 2.5
"""Expected days a week, up to which a regular form is slow."""

SilentAfter = Literal["auto", "never"] | float
"""The form's `silent_after`; a number is in hours."""


class FormState(StrEnum):
    """What is known of a form's silence."""

    NOT_WATCHED = "not_watched"
    NEW = "new"
    """Too little is known: no alarm."""
    WELL = "well"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class FormSilence:
    """A form's state, the day of its last signup in the history, and how many days without one are usual."""

    state: FormState
    last_day: date | None = None
    usual_days: int | None = None
    """The longest or, with many gaps, second longest time between two days with a signup; None without a rhythm."""

    @property
    def is_silent(self) -> bool:
        """True if somebody should look at the form."""
        return self.state is FormState.SILENT


def form_silence(days: Collection[date], last_hour: datetime | None, rule: SilentAfter, now: datetime) -> FormSilence:
    """Decides whether a form is silent at `now` (aware).

    `days` are the UTC days with a signup of a person, of which the last `HISTORY_DAYS` count; `last_hour` is the start
    of the hour of the last one.

    With a number of hours, it is silent when no signup has come for that long. With `auto`, each day without a signup
    counts as the share of its weekday's past days that had one, and today in proportion to the time that has passed;
    the form is silent once the sum is two to three times its usual gap, which is counted in the same way, and at the
    latest when more than three times the usual number of days have passed.
    """
    now = now.astimezone(UTC)
    today = now.date()
    first = today - timedelta(days=HISTORY_DAYS)
    active = sorted(day for day in set(days) if first <= day <= today)
    if rule == "never":
        return FormSilence(FormState.NOT_WATCHED, active[-1] if active else None)
    if not active:
        return FormSilence(FormState.NEW)
    if rule != "auto":
        since = last_hour or datetime.combine(active[-1], time(), UTC)
        silent = now - since >= timedelta(hours=rule + 1)  # the signup came at any time of that hour
        return FormSilence(FormState.SILENT if silent else FormState.WELL, active[-1])
    if len(active) < DAYS_NEEDED or today - active[0] < KNOWN_AFTER:
        return FormSilence(FormState.NEW, active[-1])
    return _by_rhythm(active, now)


def _by_rhythm(active: Sequence[date], now: datetime) -> FormSilence:
    weights = _weights(active)
    gaps = sorted(sum(weights[day.weekday()] for day in _days(one, other)) for one, other in pairwise(active))
    lengths = sorted((other - one).days for one, other in pairwise(active))
    place = -1 if len(gaps) < FEW_GAPS else -2
    usual, usual_days = gaps[place], lengths[place]
    last, today = active[-1], now.date()
    missed = sum(weights[day.weekday()] for day in _days(last, today - timedelta(days=1)))
    if today > last:
        missed += weights[today.weekday()] * (now - datetime.combine(today, time(), UTC)) / timedelta(days=1)
    is_silent = missed >= usual * _tolerated_gaps(usual, sum(weights)) - 1e-9 or (today - last).days > 3 * usual_days
    return FormSilence(FormState.SILENT if is_silent else FormState.WELL, last, usual_days)


def _tolerated_gaps(usual: float, days_a_week: float) -> float:
    """Returns how many times its usual gap a form may be without signups before it counts as silent.

    Two suffice where a week or nearly so lies between two days that never fail; three are needed where gaps vary, since
    longer ones occur by chance; with 2.5 a form that is expected nearly every day may miss a public holiday and the day
    next to it.
    """
    if usual > REGULAR:
        return 3.0
    return 2.0 if days_a_week <= SLOW else 2.5


def _weights(active: Sequence[date]) -> list[float]:
    """Returns for each weekday the share of its days, from the first to the last active one, that were active."""
    seen = Counter(day.weekday() for day in _days(active[0] - timedelta(days=1), active[-1]))
    hit = Counter(day.weekday() for day in active)
    return [hit[weekday] / max(1, seen[weekday]) for weekday in range(7)]


def _days(after: date, until: date) -> list[date]:
    """Returns the days after one, up to and including another."""
    return [after + timedelta(days=number) for number in range(1, (until - after).days + 1)]
