"""Works out the coordinates of curves; `templates/dashboard/charts.html` draws them as SVG.

Shapes are given as attributes and classes alone, since the pages allow no inline style. Every chart has a title and a
description, and its figures stand in a table of the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 200
BARS_WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 8, 24
SPARK_WIDTH, SPARK_HEIGHT = 120, 28
_STEPS = (1, 2, 2.5, 5, 10)
_AGES = (6, 24, 48, 72, 168, 336, 720)
"""Hours that the time axis may name."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The frame of a chart and what stands on its axes."""

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    width: float
    left: float = _LEFT
    bottom: float = HEIGHT - _BOTTOM

    @property
    def right(self) -> float:
        """Returns where the frame ends."""
        return self.width - _RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Axes):
    """Two curves over the age of a campaign: its own, filled, and one to compare it with."""

    line: str
    area: str
    other: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart(Axes):
    """Bars of equal width, such as days."""

    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Spark:
    """A small curve without axes."""

    line: str
    area: str


def spark(values: Sequence[float | None]) -> Spark | None:
    """Returns the small curve of some values at equal distances; None while fewer than two are known.

    Its foot is 0, so that a quiet week looks quiet. Unknown values are left out.
    """
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return None
    highest, last = max(value for _, value in known) or 1, len(values) - 1
    margin = 2
    points = [
        (SPARK_WIDTH * index / last, SPARK_HEIGHT - margin - (SPARK_HEIGHT - 2 * margin) * value / highest)
        for index, value in known
    ]
    return Spark(_path(points), _area(points, SPARK_HEIGHT))


def by_age(own: Points, other: Points, percent: Callable[[float], str], age: Callable[[int], str]) -> Chart | None:
    """Returns the chart of two curves of rates (0 to 1) by age in hours; None if the campaign's own has no point.

    Ages are spread by their square root: half of what happens to a mailing happens on its first day. `percent` and
    `age` write the labels of the axes.
    """
    if not own:
        return None
    start: Points = [(0.0, 0.0), *own]
    oldest = max(hours for hours, _ in own)
    other = [(0.0, 0.0), *(point for point in other if point[0] <= oldest)] if other else []
    top, step = _scale(max(rate for _, rate in (*start, *other)))
    across, up = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(hours: float) -> float:
        return _LEFT + across * math.sqrt(hours / oldest)

    def y(rate: float) -> float:
        return HEIGHT - _BOTTOM - up * rate / top

    line, median = ([(x(hours), y(rate)) for hours, rate in points] for points in (start, other))
    named: list[float] = [hours for hours in _AGES if hours <= oldest] or [oldest]
    wide: list[float] = []
    for hours in reversed(named):  # labels keep apart
        if not wide or x(wide[-1]) - x(hours) >= 44:
            wide.append(hours)
    steps = round(top / step)
    return Chart(
        line=_path(line),
        area=_area(line, HEIGHT - _BOTTOM),
        other=_path(median),
        x_ticks=[Tick(_rounded(x(hours)), age(int(hours))) for hours in reversed(wide)],
        y_ticks=[Tick(_rounded(y(step * number)), percent(step * number)) for number in range(steps + 1)],
        width=WIDTH,
    )


def bars(values: Sequence[int], labels: Sequence[str], named: Sequence[int], number: Callable[[int], str]) -> BarChart:
    """Returns the bars of some counts; `labels` says what each stands for, `named` which the axis names, by index."""
    top, step = _scale(max(*values, 4))
    step = max(1.0, step)
    top = step * math.ceil(top / step)
    across, up = BARS_WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    width = across / len(values)
    drawn = []
    for index, value in enumerate(values):
        height = up * value / top
        x, y = _LEFT + width * (index + 0.1), HEIGHT - _BOTTOM - height
        drawn.append(Bar(_rounded(x), _rounded(y), _rounded(width * 0.8), _rounded(height)))
    return BarChart(
        bars=drawn,
        width=BARS_WIDTH,
        x_ticks=[Tick(_rounded(_LEFT + width * (index + 0.5)), labels[index]) for index in named],
        y_ticks=[
            Tick(_rounded(HEIGHT - _BOTTOM - up * step * one / top), number(round(step * one)))
            for one in range(round(top / step) + 1)
        ],
    )


def _scale(highest: float) -> tuple[float, float]:
    """Returns the top of a scale and its step, so that two to five steps of a round size reach over `highest`."""
    highest = max(highest, 0.001)
    power = 10 ** math.floor(math.log10(highest / 4))
    step = next(power * each for each in (*_STEPS, 20) if power * each * 4 >= highest)
    return step * math.ceil(highest / step - 1e-9), step


def _rounded(number: float) -> float:
    return round(number, 1)


def _path(points: Points) -> str:
    return "M" + "L".join(f"{_rounded(x):g} {_rounded(y):g}" for x, y in points) if points else ""


def _area(points: Points, foot: float) -> str:
    return f"{_path(points)}L{_rounded(points[-1][0]):g} {foot:g}L{_rounded(points[0][0]):g} {foot:g}Z"
