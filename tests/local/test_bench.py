"""`make bench`: benchmarks are found by looking, counts are exact, and the table can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.bench import statistics
from local.bench.__main__ import found, main
from local.bench.capacity import Capacity, size
from local.bench.surroundings import described, in_fresh_process
from local.bench.table import Row, ratio, shown

ROOT = Path(__file__).parents[2]


def test_benchmarks_are_found_by_looking() -> None:
    assert "statistics" in found()
    assert "table" not in found(), "what has no rows is no benchmark"


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statistic"]) == 2
    assert "there are" in capsys.readouterr().err


def test_the_table_is_aligned() -> None:
    rows = [
        Row("calls", [1_000, 10_000], ["few", "many"]),
        Row("seconds", [1.5, "–"], ["few", "many"]),
        Row("other", [7], ["alone"]),
    ]
    assert shown("heading", rows).splitlines() == [
        "",
        "heading",
        "             few    many",
        "  calls    1,000  10,000",
        "  seconds   1.50       –",
        "           alone",
        "  other        7",
    ]
    assert (ratio(3, 2), ratio(1, 0)) == ("× 1.50", "–")


def test_an_items_size_is_counted_as_dynamodb_does() -> None:
    item: dict[str, Any] = {
        "pk": {"S": "é1"},
        "n": {"N": "1234"},
        "none": {"NULL": True},
        "m": {"M": {"a": {"L": [{"S": "xy"}]}}},
    }
    assert size(item) == (2 + 3) + (1 + 4) + (4 + 1) + (1 + 3 + (1 + 3 + 1 + 2) + 1)


def test_a_put_counts_for_the_table_and_for_each_index_that_the_item_stands_in() -> None:
    class PutItem:
        name = "PutItem"

    counted = Capacity(described()[1])
    plain = {"pk": {"S": "C#paris#1"}, "sk": {"S": "snapshot#2026-03-01T09"}, "account": {"S": "paris"}}
    listed = {**plain, "newest_pk": {"S": "campaigns"}, "newest_sk": {"S": "x"}}
    for item in (plain, listed, {**listed, "raw": {"S": "x" * 1024}}):
        counted._asked(params={"TableName": "relais-local-stats", "Item": item}, model=PutItem)
    assert counted.calls == {"PutItem": 3}
    assert counted.write_units == 1 + 3 + 6


def test_memory_is_that_of_the_process_itself() -> None:
    ballast = b"x" * 300_000_000
    measured = in_fresh_process({}, len, b"four")
    assert (measured.result, len(ballast)) == (4, 300_000_000)
    assert 5 < measured.peak_megabytes < 250


def test_statistics_at_small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "SIZES", (100, 200))
    rows = {(row.what, *row.columns): list(row.figures) for row in statistics.rows()}
    columns = ("100 campaigns", "200 campaigns")
    assert rows["first run: snapshots written", *columns] == [100, 200]
    assert rows["first run: PutItem", *columns] == [200, 400]
    assert rows["first run: write units of puts", *columns] == [400, 800]
    assert rows["unchanged run: snapshots written", *columns] == [0, 0]
    assert rows["unchanged run: write units of puts", *columns] == [0, 0]
    assert ("unchanged run: PutItem", *columns) not in rows
    assert rows["page of 100: queries", *columns] == [1, 1]
    (read,) = [figures for (what, *_), figures in rows.items() if what.endswith("a call each: read")]
    assert read[0] == 100 and all(isinstance(each, int) and each < 40 for each in read[1:])


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "local.bench", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
