"""A big file, 1 % of its rows bad, through the worker in several invocations: no row twice, few at a time in memory.

In full size, 100,000 rows in a process whose memory is measured, it is slow.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.contact_import import contacts
from chalicelib.contact_import.rows import Row, Rows, read_csv
from chalicelib.effects import Effects
from tests.contact_import.big_import import Ledger, big_file, run_import
from tests.contract.scripted import Scripted, answer
from tests.support.product import MovableClock
from tests.support.stack import ROOT

SECONDS_A_ROW = 0.01


def serving(rows: int) -> Scripted:
    """The host of a file with so many rows."""
    return Scripted(otherwise=answer(big_file(rows), headers={"Content-Type": "text/csv"}))


def check(result: dict[str, Any], rows: int) -> None:
    assert result["held"] == result["enqueued"] == rows * 99 // 100
    assert result["refused"] == rows // 100
    assert result["delivery"]["status"] == "delivered"
    read_rows = f"held {rows * 99 // 100}, refused {rows // 100} (lines 103, 205, 307, "
    assert result["delivery"]["reason"].startswith(read_rows)


@pytest.mark.server
def test_a_big_file_takes_several_invocations_and_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes with each row that is stored, so that an invocation has enough of it for two chunks."""
    clock, ahead, read = MovableClock(), [0], 0

    def counted(rows: Iterable[Row]) -> Iterator[Row]:
        nonlocal read
        read = 0  # the file is read from its beginning in each invocation
        for row in rows:
            read += 1
            yield row

    def read_counted(chunks: Any) -> Rows:
        found = read_csv(chunks)
        return replace(found, rows=counted(found.rows))

    def at_put(stored: int) -> None:
        clock.forward(seconds=SECONDS_A_ROW)
        ahead.append(read - stored)

    monkeypatch.setattr(contacts, "read_csv", read_counted)
    with serving(3_000) as host:
        result = run_import(f"{host.url}/export.csv", Effects(clock=clock), Ledger(at_put=at_put))
    check(result, 3_000)
    assert result["rounds"] > 3
    assert max(ahead) < contacts.CHUNK, "the rest of the file is read once these rows are stored"


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own figure of the memory is read from /proc")
def test_a_hundred_thousand_rows_take_little_memory_and_are_counted() -> None:
    with serving(100_000) as host:
        done = subprocess.run(
            [sys.executable, "-m", "tests.contact_import.big_import", f"{host.url}/export.csv"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    check(result, 100_000)
    assert result["peak_mb"] < 200
