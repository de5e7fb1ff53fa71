"""Schedules are due like those of EventBridge, first after one full period, on an injected clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.lambdas.functions import FunctionFailed
from local.schedules import Schedules, UnknownSchedule, next_due
from local.template_reader import Function
from tests.support.stack import ROOT

START = datetime(2026, 3, 1, 9, 30, 20, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(1 minute)", "2026-03-01T09:31:20"),
        ("rate(15 minutes)", "2026-03-01T09:45:20"),
        ("rate(1 hour)", "2026-03-01T10:30:20"),
        ("rate(2 days)", "2026-03-03T09:30:20"),
        ("cron(* * * * ? *)", "2026-03-01T09:31:00"),
        ("cron(0/15 * * * ? *)", "2026-03-01T09:45:00"),
        ("cron(5 9 * * ? *)", "2026-03-02T09:05:00"),
        ("cron(0 8 ? * MON-FRI *)", "2026-03-02T08:00:00"),
        ("cron(0 8 ? * 1 *)", "2026-03-08T08:00:00"),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-07-01T00:00:00"),
        ("cron(30 9,18 * * ? 2026-2027)", "2026-03-01T18:30:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00"),
    ],
)
def test_a_schedule_is_due_after_its_period(expression: str, due: str) -> None:
    assert next_due(expression, START) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "hourly",
        "rate(hour)",
        "rate(1 week)",
        "cron(* * * *)",
        "cron(61 * * * ? *)",
        "cron(x * * * ? *)",
        "cron(0 0 31 2 ? *)",
    ],
)
def test_an_invalid_schedule_is_reported(expression: str) -> None:
    with pytest.raises(UnknownSchedule):
        next_due(expression, START)


class Scene:
    """Two scheduled functions, a clock and the recorded invocations."""

    def __init__(self) -> None:
        self.now = START
        self.invoked: list[tuple[str, Any]] = []
        functions = [
            Function("relais-local-sweep", "app.sweep", 55, 512, schedules=("rate(1 minute)",)),
            Function("relais-local-collect_stats", "app.collect_stats", 600, 512, schedules=("rate(1 hour)",)),
            Function("relais-local-signups", "app.signups", 120, 512),
        ]
        self.schedules = Schedules(functions, "eu-west-3", self._invoke, lambda: self.now)

    def _invoke(self, name: str, event: Any) -> None:
        self.invoked.append((name, event))
        raise FunctionFailed({"errorType": "ValueError", "errorMessage": "a failure stops no schedule"})

    def after(self, **passed: float) -> list[str]:
        """What fires when that much time has passed."""
        self.now += timedelta(**passed)
        self.invoked.clear()
        for thread in self.schedules.fire_due():
            thread.join()
        return sorted(name.removeprefix("relais-local-") for name, _ in self.invoked)


def test_nothing_fires_before_one_full_period() -> None:
    scene = Scene()
    assert scene.after(seconds=0) == []
    assert scene.after(seconds=59) == []
    assert scene.after(seconds=1) == ["sweep"]
    assert scene.after(seconds=59) == []
    assert scene.after(seconds=2) == ["sweep"]
    assert scene.after(minutes=57, seconds=59) == ["collect_stats", "sweep"]


def test_missed_periods_fire_once() -> None:
    scene = Scene()
    assert scene.after(hours=5) == ["collect_stats", "sweep"]
    assert scene.after(seconds=1) == []
    assert scene.after(seconds=60) == ["sweep"]


def test_the_event_has_the_shape_of_eventbridge() -> None:
    scene = Scene()
    scene.after(minutes=1, seconds=5)
    sample = json.loads((ROOT / "events" / "schedule_sweep.json").read_text())
    ((_, event),) = scene.invoked
    assert event.keys() == sample.keys()
    assert event["time"] == "2026-03-01T09:31:20Z"
    assert {**event, "id": "", "time": ""} == {**sample, "id": "", "time": ""}
