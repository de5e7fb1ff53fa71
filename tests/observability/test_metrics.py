from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.observability import metrics


@pytest.fixture(autouse=True)
def _no_leftovers(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()


def flushed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    metrics.flush()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_are_added_up_and_written_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "STAGE", "prod")
    metrics.count("delivered")
    metrics.count("delivered", 4)
    metrics.count("delivered", 2, account="paris")
    metrics.seconds("paused_seconds", 0.25, account="paris")
    metrics.seconds("paused_seconds", 0.5, account="paris")
    stage_line, account_line = flushed(capsys)
    assert (stage_line["delivered"], stage_line["stage"]) == (5, "prod")
    assert "account" not in stage_line
    assert (account_line["delivered"], account_line["paused_seconds"], account_line["account"]) == (
        2,
        [0.25, 0.5],
        "paris",
    )
    directive = account_line["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "Relais"
    assert directive["Dimensions"] == [["stage"]], "a series of each account would cost as much as one of the stage"
    assert directive["Metrics"] == [
        {"Name": "delivered", "Unit": "Count"},
        {"Name": "paused_seconds", "Unit": "Seconds"},
    ]
    assert stage_line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]
    assert account_line["_aws"]["Timestamp"] > 1_700_000_000_000
    assert flushed(capsys) == []


def test_what_no_alarm_watches_is_in_the_log_alone(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count("provider_calls", 2, account="paris")
    metrics.seconds("provider_seconds", 0.25, account="paris")
    metrics.seconds("provider_seconds", 0.5, account="paris")
    assert flushed(capsys) == [{"stage": "local", "account": "paris", "provider_calls": 2, "provider_seconds": 0.75}]
    metrics.count("resent", 3, account="lyon")
    metrics.count("delivered", 1, account="lyon")
    (line,) = flushed(capsys)
    assert (line["resent"], line["delivered"]) == (3, 1)
    assert [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["delivered"]


def test_a_nothing_costs_no_series_unless_its_alarm_watches_whether_it_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics.count("unsubscribes_backlog", 0, account="paris")
    metrics.seconds("paused_seconds", 0, account="paris")
    metrics.seconds("stats_age_seconds", 0, account="paris")
    (line,) = flushed(capsys)
    assert (line["unsubscribes_backlog"], line["paused_seconds"], line["stats_age_seconds"]) == (0, 0, 0)
    assert [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["stats_age_seconds"]


def test_nothing_to_flush_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics.flush()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_format_limits_are_respected(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PUBLISHED", {"paused_seconds", *(f"metric_{n}" for n in range(250))})
    metrics.count("resent")
    for n in range(250):
        metrics.seconds("paused_seconds", n)
        metrics.count(f"metric_{n}")
    lines = flushed(capsys)
    values: list[float] = []
    names = set()
    for line in lines:
        directive = line["_aws"]["CloudWatchMetrics"][0]
        assert len(directive["Metrics"]) <= 100
        names |= {metric["Name"] for metric in directive["Metrics"]}
        found = line.get("paused_seconds", [])
        found = found if isinstance(found, list) else [found]
        assert len(found) <= 100
        values += found
    assert values == list(range(250))
    assert len(names) == 251
    assert ["resent" in line for line in lines] == [True, False, False]


def test_no_address_and_no_invalid_number_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count("delivered", account="somebody@example.com")
    metrics.seconds("paused_seconds", float("nan"))
    metrics.seconds("provider_seconds", float("inf"))
    (line,) = flushed(capsys)
    assert "example.com" not in json.dumps(line)


def test_threads_lose_no_count(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: metrics.count("delivered", account="paris"), range(2000)))
    assert [line["delivered"] for line in flushed(capsys)] == [2000]


def test_a_closed_output_raises_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    output = (tmp_path / "out").open("w")
    output.close()
    monkeypatch.setattr("sys.stdout", output)
    metrics.count("delivered")
    metrics.flush()
