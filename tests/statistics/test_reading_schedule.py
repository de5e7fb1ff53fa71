"""When a campaign's figures are read again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.reading_schedule import hours_due, known_campaigns

SENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 3, 1, 9, 7, tzinfo=UTC)
"""The schedule's time of the hour in which the campaign is sent."""


def due_hours(runs: list[int], campaign: str = "c1", missed: frozenset[int] = frozenset()) -> list[int]:
    """Of runs so many hours after FIRST those that read the campaign; `missed` ones fail and read nothing."""
    read, last = [], FIRST - HOUR
    for run in runs:
        if run in missed:
            continue
        now = FIRST + run * HOUR
        if hours_due(campaign, SENT, now, last) is not None:
            read.append(run)
        last = now
    return read


FORTY_DAYS = list(range(-30, 40 * 24))


def test_hourly_for_three_days_daily_to_day_thirty_then_never() -> None:
    read = due_hours(FORTY_DAYS)
    assert read[:73] == list(range(73))
    daily = read[73:]
    assert len(daily) == 27
    assert {later - sooner for sooner, later in pairwise(daily)} == {24}
    assert 72 < daily[0] <= 96
    assert daily[-1] <= 720


@pytest.mark.seconds
@pytest.mark.no_cover
def test_daily_hours_are_spread_over_the_day() -> None:
    hours = Counter(due_hours(FORTY_DAYS, f"campaign-{number}")[80] % 24 for number in range(160))
    assert len(hours) == 24
    assert max(hours.values()) < 16


@pytest.mark.parametrize("gap", [1, 5, 24, 100, 600])
def test_missed_hours_are_caught_up_by_the_next_run(gap: int) -> None:
    daily = due_hours(FORTY_DAYS)[75]
    missed = frozenset(range(daily, daily + gap))
    assert daily + gap in due_hours(FORTY_DAYS, missed=missed)
    assert daily + gap + 1 not in due_hours(FORTY_DAYS, missed=missed), "and once is enough"


def test_the_last_readings_are_caught_up_after_day_thirty() -> None:
    missed = frozenset(range(700, 800))
    assert due_hours(FORTY_DAYS, missed=missed)[-1] == 800


def test_nothing_is_due_before_the_hour_of_sending() -> None:
    assert hours_due("c1", SENT, FIRST - HOUR, None) is None
    assert hours_due("c1", SENT, FIRST, None) == 0


def test_a_second_run_within_an_hour_reads_the_same_campaigns() -> None:
    for hour in due_hours(FORTY_DAYS):
        now = FIRST + hour * HOUR
        assert hours_due("c1", SENT, now, now) == 0


def test_the_first_run_reads_campaigns_of_the_last_thirty_days() -> None:
    for days, due in ((10, True), (59, True), (61, False)):
        assert (hours_due("c1", SENT, FIRST + timedelta(days=days), None) is not None) is due


def snapshot(name: str, sent_at: datetime | None, taken_at: datetime = SENT) -> Snapshot:
    return Snapshot("paris", "toy", name, f"name of {name}", "subject", sent_at, taken_at)


def test_campaigns_due_this_hour_come_first_and_others_follow() -> None:
    now = FIRST + timedelta(days=40)
    listed = [snapshot(f"c{n}", now - timedelta(days=20)) for n in range(100)]
    listed += [snapshot("young", now - HOUR), snapshot("old", now - timedelta(days=35))]
    known = known_campaigns(listed, now, now - timedelta(hours=12))
    assert {each.campaign for each in known} == {each.campaign for each in listed}
    due = [each for each in known if each.due]
    assert known[: len(due)] == due
    waiting = [hours_due(each.campaign, each.sent_at or SENT, now, now - timedelta(hours=12)) for each in due]
    assert waiting == sorted(waiting, key=lambda hours: -1 if hours is None else hours)
    assert None not in waiting and {0, 11} <= set(waiting)
    assert "young" in {each.campaign for each in due} and not known[-1].due
    assert (known[0].name, known[0].subject) == (f"name of {known[0].campaign}", "subject")


def test_without_a_time_of_sending_the_last_change_counts() -> None:
    for days, due in ((1, True), (40, False)):
        now = SENT + timedelta(days=days)
        (known,) = known_campaigns([snapshot("c1", None, taken_at=SENT)], now, now - HOUR)
        assert (known.due, known.sent_at) == (due, None)
