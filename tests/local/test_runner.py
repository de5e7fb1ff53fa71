"""The runner of the tests: what a person reads of a run in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.server
CONFTEST = 'pytest_plugins = ["tests.runner.plugin"]\n'
TESTS = '''
import socket, warnings, pytest

@pytest.mark.parametrize("number", range(20))
def test_passes(number, tmp_path):
    assert tmp_path.is_dir()

def test_fails():
    """The later event wins."""
    print("said by the test")
    assert 1 == 2

def test_no_worker_is_lost():
    raise ValueError("an error of its own")

def test_skipped():
    pytest.skip("no java here")

def test_warns():
    warnings.warn("careful")

def test_listens():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))

@pytest.fixture(scope="session")
def resource(tmp_path_factory):
    yield
    with open("ended", "a") as ended:
        ended.write("x")

def test_uses_a_resource(resource):
    pass
'''

FIRST = "import os\n\ndef test_dies():\n    os._exit(7)\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run those tests in `folder` as a run of their own."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_first.py").write_text(FIRST)
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run of all of them in two processes, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder, "--processes", "2")


def test_two_processes_report_the_same_as_one(
    whole: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = whole
    said = done.stdout
    assert done.returncode == 1, said
    assert "3 failed, 23 passed, 1 skipped, 1 warning" in said
    assert "no java here" in said
    assert "careful" in said
    assert "said by the test" in said
    assert "an error of its own" in said
    assert "ended by itself (7)" in said
    assert "FAILED test_it.py::test_fails\n" in said, "a failure is reported at once"
    assert (folder / "ended").read_text() == "x", "fixtures of a worker are torn down"


@pytest.mark.parametrize(
    ("test", "promise"),
    [("test_fails", "The later event wins."), ("test_no_worker_is_lost", "no worker is lost"), ("test_dies", "dies")],
)
def test_a_failure_begins_with_the_promise(
    whole: tuple[Path, subprocess.CompletedProcess[str]], test: str, promise: str
) -> None:
    said = whole[1].stdout.splitlines()
    heading = next(number for number, line in enumerate(said) if line.strip("_ ") == test)
    assert next(line for line in said[heading + 1 :] if line) == f"Promised: {promise}"


@pytest.mark.parametrize("processes", [pytest.param("0", marks=pytest.mark.slow), "2"])
def test_without_servers_a_test_starting_one_fails(tmp_path: Path, processes: str) -> None:
    named = ("test_it.py::test_listens", "test_it.py::test_warns")
    assert run(tmp_path, "--processes", processes, *named).returncode == 0
    refused = run(tmp_path, "--processes", processes, "--no-servers", *named)
    assert (
        "socket.bind: a test that starts a server or a process is to be marked: @pytest.mark.server" in refused.stdout
    )
    assert "1 failed, 1 passed" in refused.stdout


def test_the_run_stops_at_the_first_failure_if_requested(tmp_path: Path) -> None:
    done = run(tmp_path, "--processes", "2", "-x")
    assert done.returncode in (1, 2)
    assert "stopping after 1 failures" in done.stdout
