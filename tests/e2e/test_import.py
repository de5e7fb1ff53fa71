"""A file of one's own reaches a list: `python -m local import` against the running stack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.e2e.world import Ediware
from tests.support.stack import ROOT, MovableStack


def test_a_file_of_this_machine_reaches_the_list_once(running: MovableStack, ediware: Ediware, tmp_path: Path) -> None:
    """In windows-1252, with semicolons and the list's own address column; a bad line takes no other with it."""
    people = [f"person{number}@example.com" for number in range(1100)]
    lines = ["EMAIL;PRENOM", *(f"{email};Zoé" for email in people), "nobody;Zoé"]
    file = tmp_path / "people.csv"
    file.write_bytes("\r\n".join(lines).encode("cp1252"))

    def ran(of: Path, list_id: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local", "import", str(of), "--account", "paris", "--list", list_id, *more],
            cwd=tmp_path,
            env={**os.environ, "PORT": running.port, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def imported(*more: str) -> list[str]:
        done = ran(file, "4782", *more)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    wrong = ran(file, "9999")
    assert wrong.returncode == 1
    assert 'the account paris has no list "9999". Put the id of one of its lists into --list' in wrong.stderr
    other = tmp_path / "other.csv"
    other.write_text("Courriel\na@example.com\n")
    wrong = ran(other, "4782", "--dry-run")
    assert wrong.returncode == 1
    assert "there is no column email and none EMAIL: call the column of the addresses by one of" in wrong.stderr
    checked = imported("--dry-run")
    said = "The list is there. Not checked: whether it has the columns PRENOM; Ediware / MDWorks does not tell."
    assert said in checked
    assert checked[-1] == "can be taken: 1100, refused: 1. Nothing was sent."
    assert imported()[-1].startswith("Every contact is stored as a signup")
    running.until(lambda: len(_people(ediware)) == len(people))
    assert imported()[-1] == "Nothing was sent: the same file was imported before."
    assert _people(ediware) == Counter(people)
    assert ediware.calls("list_insert") <= 12


def _people(ediware: Ediware) -> Counter[str]:
    rows = ediware.account()["lists"]["4782"]["rows"]
    return Counter(row["EMAIL"] for row in rows if row["EMAIL"].startswith("person"))
