"""A campaign's curve has at most 24 points, the last figures before each age; the median is taken age by age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.curves import AGES, Curve, from_text, median_rates, rates_by_age, to_text, with_point
from chalicelib.domain.figures import Snapshot

SENT_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(hours: float, unique_opens: int | None = None, **more: int | None) -> Snapshot:
    """A snapshot of a campaign of a thousand mails, so many hours after it was sent."""
    taken_at = SENT_AT + timedelta(hours=hours)
    figures = {"sent": 1000, "unique_opens": unique_opens, **more}
    return Snapshot("paris", "toy", "7", "Lettre", None, SENT_AT, taken_at, **figures)


def grown(*snapshots: Snapshot) -> Curve:
    curve: Curve = {}
    for each in snapshots:
        curve = with_point(curve, each)
    return curve


def test_a_point_holds_the_last_figures_before_its_age() -> None:
    curve = grown(at(0.2, 10), at(0.9, 30, unique_clicks=2), at(5, 200), at(6, 210, unsubscribes=1), at(6.1, 220))
    assert curve == {1: (30, 2, None), 6: (210, None, 1), 8: (220, None, None)}


def test_figures_that_are_not_unique_stand_in_for_unknown_unique_ones() -> None:
    assert grown(at(1, None, opens=50, clicks=9)) == {1: (50, 9, None)}


@pytest.mark.parametrize(
    "snapshot", [at(721, 10), at(-1, 10), at(3), replace(at(3, 10), sent_at=None)], ids=["old", "before", "none", "age"]
)
def test_what_has_no_place_on_the_grid_makes_no_point(snapshot: Snapshot) -> None:
    assert grown(snapshot) == {}


def test_a_year_of_hourly_snapshots_makes_24_points() -> None:
    curve = grown(*(at(hour, hour) for hour in range(365 * 24)))
    assert list(curve) == list(AGES)
    assert len(to_text(curve)) < 400


@given(st.dictionaries(st.sampled_from(AGES), st.tuples(*[st.none() | st.integers(0, 10**9)] * 3)))
def test_a_curve_is_read_as_it_was_written(curve: Curve) -> None:
    assert from_text(to_text(curve)) == curve


@pytest.mark.parametrize("text", ["x", "1", "1:", "1:2", "1:2,3", "1:2,3,4,5", "a:1,2,3", "1:1,2,3 2", "1:1.5,2,3"])
def test_a_malformed_curve_is_empty(text: str) -> None:
    assert from_text(text) == {}


def test_rates_go_on_as_far_as_the_campaign_is_old() -> None:
    campaign = replace(at(10.5, 300), curve={2: (100, None, 0), 6: (300, None, 0)})
    assert rates_by_age(campaign, 0) == [(2, 0.1), (3, 0.1), (4, 0.1), (6, 0.3), (8, 0.3), (10, 0.3)]
    assert rates_by_age(campaign, 1) == []
    assert rates_by_age(replace(campaign, sent=0), 0) == []


def test_the_median_needs_three_campaigns_of_that_age() -> None:
    campaigns = [
        replace(at(age, opens), curve={1: (opens, None, None)})
        for age, opens in ((2.5, 100), (2.5, 900), (1.5, 200), (1.5, 300))
    ]
    assert median_rates(campaigns)[0] == [(1, 0.25)]
    assert median_rates(campaigns[:2]) == ([], [], [])
    later = [replace(each, taken_at=SENT_AT + timedelta(hours=3)) for each in campaigns[:3]]
    assert median_rates(later)[0] == [(1, 0.2), (2, 0.2), (3, 0.2)]
