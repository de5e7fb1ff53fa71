"""Curves stay within their frame, start at 0 and end where the figures end; scales are round."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, strategies as st

from chalicelib.web.pages.charts import BARS_WIDTH, HEIGHT, WIDTH, Chart, bars, by_age, spark

RATES = st.floats(0, 1, allow_nan=False)
CURVES = st.dictionaries(st.integers(1, 720), RATES, min_size=1).map(lambda one: sorted(one.items()))


def coordinates(path: str) -> list[tuple[float, float]]:
    numbers = [float(each) for each in re.findall(r"[\d.]+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def chart(own: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]] = ()) -> Chart:
    made = by_age(own, other, lambda rate: f"{100 * rate:g}", str)
    assert made is not None
    return made


@given(CURVES, CURVES | st.just([]))
def test_a_chart_stays_in_its_frame(own: list[tuple[float, float]], other: list[tuple[float, float]]) -> None:
    made = chart(own, other)
    for x, y in coordinates(made.line + made.area + made.other):
        assert made.left <= x <= made.right
        assert 0 <= y <= made.bottom
    assert 2 <= len(made.y_ticks) <= 6
    assert all(0 <= tick.at <= HEIGHT for tick in made.y_ticks)
    assert made.x_ticks
    assert all(0 <= tick.at <= WIDTH for tick in made.x_ticks)
    labels = [tick.at for tick in made.x_ticks]
    assert all(after - before >= 40 for before, after in pairwise(labels))


def test_a_curve_begins_at_nothing_and_ends_at_its_last_figure() -> None:
    made = chart([(1, 0.1), (4, 0.4)], [(1, 0.2), (8, 0.3)])
    assert coordinates(made.line) == [(52, 176), (200, 134), (348, 8)]
    assert coordinates(made.other) == [(52, 176), (200, 92)], "no longer than the campaign's own"
    assert [tick.label for tick in made.y_ticks] == ["0", "10", "20", "30", "40"]


def test_without_figures_there_is_no_curve() -> None:
    assert by_age([], [(1, 0.5)], str, str) is None
    assert spark([]) is spark([1]) is spark([None, 3, None]) is None


def test_a_small_curve_has_its_foot_at_nothing() -> None:
    made = spark([0, None, 10])
    assert made is not None
    assert coordinates(made.line) == [(0, 26), (120, 2)]
    flat = spark([0, 0, 0])
    assert flat is not None
    assert coordinates(flat.line) == [(0, 26), (60, 26), (120, 26)]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=120))
def test_bars_stand_side_by_side_in_their_frame(values: list[int]) -> None:
    made = bars(values, [str(place) for place in range(len(values))], [0], str)
    assert len(made.bars) == len(values)
    for before, after in pairwise(made.bars):
        assert before.x + before.width <= after.x
    for bar, value in zip(made.bars, values, strict=True):
        assert 0 <= bar.y <= bar.y + bar.height <= made.bottom + 0.2
        assert bar.x + bar.width <= BARS_WIDTH
        assert bar.height > 0 or value * 400 <= max(values)
    numbers = [int(tick.label) for tick in made.y_ticks]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] >= max(values)
