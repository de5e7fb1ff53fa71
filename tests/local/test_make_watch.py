from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.required_tools import need

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import threading
from local import make_watch
stopped = threading.Event()
make_watch.watch(stopped.set)
print("running", flush=True)
print("stopped" if stopped.wait(20) else "left alone", flush=True)
"""

pytestmark = pytest.mark.server


@pytest.fixture
def makefile(tmp_path: Path) -> Path:
    need("make", "a recipe that is stopped")
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "Makefile").write_text(f"run:\n\t@PYTHONPATH={ROOT} exec {sys.executable} {tmp_path}/child.py\n")
    return tmp_path / "Makefile"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_recipe_ends_when_only_make_was_stopped(makefile: Path, number: int) -> None:
    # Background processes of a script ignore SIGINT, and so would make.
    command = ["env", "--default-signal=INT", "make", "-f", makefile, "run"]
    made = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert made.stdout is not None
    made.stdout.readline()
    try:
        made.send_signal(number)
        assert made.stdout.readline() == "stopped\n"
        assert made.stdout.read() == ""  # end of the pipe: no process is left that could write
        assert made.wait(5) == -number
    finally:
        made.stdout.close()
        if made.poll() is None:
            os.killpg(made.pid, signal.SIGKILL)
            made.wait()
