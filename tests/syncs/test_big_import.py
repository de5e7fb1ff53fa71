"""A file of 100,000 rows, 1 % of them bad, through the worker in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.contract.scripted import Scripted, answer
from tests.support.stack import ROOT

ROWS = 100_000
BAD = ("not an address;x;y;z", "too@example.com;few", '"person@example.com;open;quote', "a@b@example.com;;;")


def big_file() -> bytes:
    """Every hundredth row is bad, each fourth of those in the same way; some values have accents, quotes, lines."""
    lines = ["email;prenom;nom;ville"]
    for number in range(ROWS):
        if number % 100 == 99:
            lines.append(BAD[number // 100 % len(BAD)])
        elif number % 50 == 0:
            lines.append(f'person{number}@example.com;"Zoé ""Z""";"Les; deux\nlignes";Lyon')
        else:
            lines.append(f"person{number}@example.com;Prénom{number};Nom{number};Saint-Étienne")
    return "\r\n".join(lines).encode("utf-8-sig")


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own figure of the memory is read from /proc")
def test_a_hundred_thousand_rows_fit_into_little_memory_and_are_counted_right() -> None:
    with Scripted(otherwise=answer(big_file(), headers={"Content-Type": "text/csv"})) as host:
        done = subprocess.run(
            [sys.executable, "-m", "tests.syncs.big_import", f"{host.url}/export.csv"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["held"] == result["rung"] == ROWS * 99 // 100
    assert result["refused"] == ROWS // 100
    assert result["delivery"]["status"] == "delivered"
    assert result["delivery"]["reason"].startswith("held 99000, refused 1000 (lines 103, 205, 307, ")
    assert result["peak_mb"] < 200
