"""When a form counts as silent, decided from the days on which it brought signups; tried on simulated years."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.form_silence import DAYS_NEEDED, HISTORY_DAYS, FormSilence, FormState, form_silence

DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


def days(*weekdays: int, weeks: int = 14) -> list[date]:
    """The days of some weekdays (Monday is 0) in the weeks before `MONDAY`."""
    first = MONDAY - timedelta(weeks=weeks)
    return [day for n in range(7 * weeks) if (day := first + n * DAY).weekday() in weekdays]


def at(day: date, hour: float = 12.0) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


def is_silent(active: Sequence[date], now: datetime) -> bool:
    return form_silence(active, None, "auto", now).is_silent


def test_a_daily_form_is_silent_in_the_third_day() -> None:
    daily = days(*range(7))
    assert not is_silent(daily, at(MONDAY + 2 * DAY, 11.9)), "two days and not half of another one"
    assert is_silent(daily, at(MONDAY + 2 * DAY, 12))


def test_weekends_do_not_count_for_a_form_of_weekdays() -> None:
    office = days(*range(5))
    assert form_silence(office, None, "auto", at(MONDAY)) == FormSilence(FormState.WELL, MONDAY - 3 * DAY, 3)
    assert not is_silent(office, at(MONDAY + 2 * DAY, 11)), "though five days have passed"
    assert is_silent(office, at(MONDAY + 2 * DAY, 12))


def test_a_weekly_form_is_silent_after_two_of_its_days() -> None:
    weekly = days(1)
    last, missed = MONDAY - 6 * DAY, MONDAY + 8 * DAY
    assert form_silence(weekly, None, "auto", at(missed)) == FormSilence(FormState.WELL, last, 7)
    assert is_silent(weekly, at(missed + DAY, 0))


def test_one_holiday_in_its_past_changes_nothing_two_do() -> None:
    daily = days(*range(7))
    silent = at(MONDAY + 2 * DAY, 12)
    week_off = [day for day in daily if not date(2025, 12, 24) <= day <= date(2026, 1, 1)]
    assert is_silent(week_off, silent + timedelta(hours=6)), "its weekdays count a little less"
    again = [day for day in week_off if not date(2026, 2, 2) <= day <= date(2026, 2, 4)]
    assert not is_silent(again, silent + timedelta(days=4)), "its own past explains it"
    assert is_silent(again, silent + timedelta(days=11))


@pytest.mark.parametrize("known", [0, 1, DAYS_NEEDED - 1])
def test_a_form_of_few_signups_is_never_silent(known: int) -> None:
    few = days(1)[-known:] if known else []
    assert form_silence(few, None, "auto", at(MONDAY + 60 * DAY)).state is FormState.NEW


def test_a_new_form_is_never_silent() -> None:
    fresh = [MONDAY - number * DAY for number in range(20, 0, -1)]
    assert form_silence(fresh, None, "auto", at(MONDAY + 6 * DAY)).state is FormState.NEW
    assert is_silent(fresh, at(MONDAY + 8 * DAY)), "four weeks after the first signup"


def test_a_form_that_has_been_silent_for_a_quarter_counts_as_unused() -> None:
    daily = days(*range(7))
    states = [form_silence(daily, None, "auto", at(MONDAY + n * DAY)).state for n in range(HISTORY_DAYS + 2)]
    assert states[1] is FormState.WELL and states[10] is states[60] is FormState.SILENT
    assert states[HISTORY_DAYS - 1] is FormState.NEW


def test_hours_count_from_the_last_hour_with_a_signup() -> None:
    active, last = [MONDAY], at(MONDAY, 9)
    assert form_silence(active, last, 6.0, at(MONDAY, 15.9)) == FormSilence(FormState.WELL, MONDAY)
    assert form_silence(active, last, 6.0, at(MONDAY, 16)) == FormSilence(FormState.SILENT, MONDAY)
    assert form_silence(active, None, 6.0, at(MONDAY, 7)).is_silent, "where no hour is known, from the day's start"
    assert form_silence([], None, 6.0, at(MONDAY)).state is FormState.NEW, "no alarm before the first signup"


def test_never_is_never() -> None:
    assert form_silence(days(*range(7)), None, "never", at(MONDAY + 30 * DAY)).state is FormState.NOT_WATCHED


@given(st.sets(st.integers(0, 200)), st.floats(0, 300))
def test_a_longer_silence_is_never_less_silent_while_its_rhythm_is_in_sight(offsets: set[int], after: float) -> None:
    """Within a few days: later the oldest days leave the history."""
    active = [MONDAY + number * DAY for number in offsets]
    last = max(offsets, default=0)
    now = at(MONDAY + (last + 1) * DAY, after / 3)
    before, later = (form_silence(active, None, "auto", when) for when in (now, now + timedelta(hours=1)))
    if now.date() == (now + timedelta(hours=1)).date():
        assert later.is_silent >= before.is_silent


# --- Simulated years --------------------------------------------------------------------------------------------------

HOLIDAYS = {date(2026, *day) for day in ((1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14))} | {
    date(2025, *day) for day in ((7, 14), (8, 15), (11, 1), (11, 11))
}
START, END = date(2025, 9, 1), date(2026, 9, 1)


def office_is_closed(day: date) -> bool:
    return day in HOLIDAYS or date(2025, 12, 24) <= day <= date(2026, 1, 1)


RHYTHMS: dict[str, Callable[[date], float]] = {
    "daily": lambda day: 3.0 if date(2025, 12, 24) <= day <= date(2026, 1, 1) else 8.0,
    "weekdays": lambda day: 0.0 if day.weekday() > 4 or office_is_closed(day) else 6.0,
    "weekly": lambda day: 12.0 if day.weekday() == 1 else 0.0,
    "campaigns": lambda day: 25.0 if day.toordinal() // 7 % 6 == 0 else 0.2 if day.month in (7, 8) else 0.5,
}
"""Signups expected of a day: at a shop; at an office with public holidays, closed at Christmas; after a weekly letter;
in a week of every six, and now and then between, less in summer."""


def simulated(rhythm: str, seed: int) -> list[datetime]:
    """The hours with signups of a year and of the months before it, between six and twenty o'clock."""
    chance, found = random.Random(f"{rhythm} {seed}"), []
    for number in range((END - START).days + 130):
        day = START + (number - 120) * DAY
        rate = RHYTHMS[rhythm](day) / 14
        found += [at(day, hour) for hour in range(6, 20) if chance.random() < rate]
    return found


def decisions(signups: Sequence[datetime], first: date, last: date) -> Iterator[tuple[datetime, bool]]:
    """The decisions of a run every six hours."""
    days = sorted({one.date() for one in signups})
    firsts = [next(one for one in signups[bisect_left(signups, at(day, 0)) :]) for day in days]
    for number in range(4 * (last - first).days):
        now = at(first, 6 * number)
        yield now, is_silent(days[: bisect_right(firsts, now)][-HISTORY_DAYS:], now)


@pytest.mark.seconds
@pytest.mark.parametrize("rhythm", RHYTHMS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
def test_a_year_brings_one_false_alarm_at_most(rhythm: str, seed: int) -> None:
    decided = [silent for _, silent in decisions(simulated(rhythm, seed), START, END)]
    alarms = sum(silent and not before for before, silent in pairwise([False, *decided]))
    assert alarms <= 1


@pytest.mark.seconds
@pytest.mark.parametrize("rhythm", RHYTHMS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
def test_a_form_that_falls_silent_is_found_within_three_of_its_usual_gaps(rhythm: str, seed: int) -> None:
    signups = simulated(rhythm, seed)
    for month in range(12):
        end = START + timedelta(days=10 + 30 * month)
        past = [one for one in signups if one.date() < end]
        quarter = sorted({one.date() for one in past if one.date() > end - timedelta(days=HISTORY_DAYS)})
        usual = sorted((later - earlier).days for earlier, later in pairwise(quarter))[-2]
        last = past[-1].date()
        found = next(when for when, silent in decisions(past, last, last + timedelta(days=60)) if silent)
        # A signup counts for its whole day; the usual gap of an office is the weekend, of campaigns a long pause.
        assert found <= at(last, 24) + 3 * usual * DAY, (end, usual)
