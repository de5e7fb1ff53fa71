"""`python -m local invoke`: the result alone on standard output, exit codes, and finding the stack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import running_stacks
from local.running_stacks import NoStack, StackState
from tests.support.stack import ROOT, RunningStack


def invoke(
    stack: RunningStack, *arguments: str, given: str | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "invoke", *arguments],
        cwd=ROOT,
        env={**os.environ, "PORT": stack.port, **environ},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_the_result_is_on_standard_output(stack: RunningStack) -> None:
    for name in ("collect_stats", "relais-local-collect_stats"):
        done = invoke(stack, name)
        assert done.returncode == 0
        assert list(json.loads(done.stdout)) == ["accounts"]
        assert done.stdout.count("\n") == 1


def test_a_reader_that_has_enough_is_no_error(stack: RunningStack) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "local", "invoke", "sweep"],
        cwd=ROOT,
        env={**os.environ, "PORT": stack.port},
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_default_is_a_scheduled_event_or_an_empty_batch(stack: RunningStack) -> None:
    assert json.loads(invoke(stack, "sweep").stdout) == {"enqueued": 0}
    assert json.loads(invoke(stack, "signups").stdout) == {"batchItemFailures": []}


def test_an_event_is_read_from_a_file_or_standard_input(stack: RunningStack, tmp_path: Path) -> None:
    event = json.dumps({"account": "paris", "function": "help"})
    (tmp_path / "event.json").write_text(event)
    from_file = invoke(stack, "call_provider", "--event", str(tmp_path / "event.json"))
    assert from_file.returncode == 0
    assert from_file.stdout == invoke(stack, "call_provider", "--event", "-", given=event).stdout
    assert "list_insert" in from_file.stdout


def test_an_error_is_reported_with_exit_status_1(stack: RunningStack) -> None:
    answered = invoke(stack, "call_provider", "--event", "-", given='{"account": "nowhere", "function": "help"}')
    assert answered.returncode == 1
    assert json.loads(answered.stdout)["error"]["message"]
    raised = invoke(stack, "api_handler", "--event", "-", given='"no event"')
    assert raised.returncode in (0, 1)  # whatever the handler does, standard output is JSON
    json.loads(raised.stdout)


def test_an_exception_is_reported_with_its_traceback(stack: RunningStack) -> None:
    raised = invoke(stack, "signups", "--event", "-", given='{"Records": "none"}')
    assert raised.returncode == 1
    error = json.loads(raised.stdout)["error"]
    assert set(error) == {"kind", "message"}
    assert error["kind"] in raised.stderr
    assert "app.py" in raised.stderr


def test_unknown_functions_and_invalid_files_are_named(stack: RunningStack, tmp_path: Path) -> None:
    unknown = invoke(stack, "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "collect_stats" in unknown.stderr
    (tmp_path / "bad.json").write_text("{")
    bad = invoke(stack, "sweep", "--event", str(tmp_path / "bad.json"))
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "bad.json" in bad.stderr
    assert invoke(stack, "sweep", "--event", str(tmp_path / "none.json")).returncode == 1


def test_the_invoke_endpoint_requires_its_token(stack: RunningStack) -> None:
    from dataclasses import replace

    from local import invoke as client

    known = running_stacks.find({"PORT": stack.port})
    assert client.ask(known, "sweep", None) == {"result": {"enqueued": 0}}
    with pytest.raises(EOFError):
        client.ask(replace(known, token="wrong"), "sweep", None)


def test_a_port_without_a_stack_is_reported(stack: RunningStack) -> None:
    done = invoke(stack, "sweep", PORT="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "PORT=1" in done.stderr
    assert "make run" in done.stderr


def test_any_python_will_do(stack: RunningStack) -> None:
    done = subprocess.run(
        [_bare_python(), "-m", "local", "invoke", "sweep"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": stack.port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, '{"enqueued": 0}\n')


@pytest.mark.server
def test_a_missing_venv_is_reported_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "local" / name, tmp_path / "local" / name)
    done = subprocess.run(
        [_bare_python(), "-m", "local", "invoke", "sweep"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "make run" in done.stderr


def stack_state(port: int, pid: int, started_at: float = 1.0, aws: int = 4566) -> StackState:
    return StackState(
        pid=pid,
        http=f"http://127.0.0.1:{port}",
        aws=f"http://127.0.0.1:{aws}",
        region="eu-west-3",
        stage="local",
        config="relais.toml",
        sandbox=None,
        control_port=1,
        token="placeholder",
        started_at=started_at,
    )


@pytest.mark.server
def test_the_stack_is_the_requested_or_the_last_running_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_stacks, "FOLDER", tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = os.getpid()
    older, newer = stack_state(8001, mine, 1.0), stack_state(8002, mine, 2.0, aws=4567)
    for known in (older, newer, stack_state(8003, ended.pid, 3.0)):
        known.write()
    (tmp_path / "8004.json").write_text("{")
    assert running_stacks.find({}) == newer
    assert running_stacks.find({"PORT": "0"}) == newer
    assert running_stacks.find({"PORT": "8001"}) == older
    assert running_stacks.find({"AWS_PORT": "4567"}) == newer
    for environ in ({"PORT": "8003"}, {"PORT": "8001", "AWS_PORT": "4567"}):
        with pytest.raises(NoStack):
            running_stacks.find(environ)
    assert not (tmp_path / "8003.json").exists()
    newer.remove()
    assert running_stacks.find({}) == older
    assert (tmp_path / "8001.json").stat().st_mode & 0o077 == 0


def _bare_python() -> str:
    """A Python that has none of our packages."""
    return str(Path(sys.base_prefix) / "bin" / "python3")
