"""The local Lambda: isolation, contexts, failures, time limits, and an end for everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.lambdas.functions import FunctionFailed, Functions, NoEnvironment
from local.options import stack_environ
from local.template_reader import Function
from tests.support.processes import alive, descendants
from tests.support.stack import ROOT
from tests.support.waiting import wait_for

pytestmark = pytest.mark.server
NAMES = ("echo", "noisy", "fails", "sleeps", "meets", "dies", "exits", "unserializable", "missing")
IN_TIME, LATE = 10.0, 0.3


def function(name: str, timeout_seconds: float = IN_TIME) -> Function:
    return Function(
        name=f"relais-local-{name}",
        handler=f"tests.support.handlers.{name}",
        timeout_seconds=timeout_seconds,
        memory_mb=256,
        environment={"RELAIS_STAGE": "of the template", "ONLY": "here"},
    )


@pytest.fixture(scope="module")
def functions() -> Iterator[Functions]:
    environ = stack_environ({"PATH": "/usr/bin:/bin"}, "http://127.0.0.1:9", ROOT / "none.toml")
    running = Functions([function(name) for name in NAMES], environ)
    yield running
    running.stop(0.5)


def invoke(functions: Functions, name: str, event: Any = None) -> Any:
    return functions.invoke(f"relais-local-{name}", event)


def failure(functions: Functions, name: str, event: Any = None) -> dict[str, Any]:
    with pytest.raises(FunctionFailed) as failed:
        invoke(functions, name, event)
    return dict(failed.value.document)


def test_a_handler_gets_its_event_a_real_context_and_lambdas_environment(functions: Functions) -> None:
    result = invoke(functions, "echo", {"é": [1, None, "ü"]})
    assert result["event"] == {"é": [1, None, "ü"]}
    assert result["function"] == "relais-local-echo"
    assert result["arn"] == "arn:aws:lambda:eu-west-3:123456789012:function:relais-local-echo"
    assert result["log_group"] == "/aws/lambda/relais-local-echo"
    assert result["memory"] == "256"
    assert 0 < result["remaining"] <= IN_TIME * 1000
    assert len(result["request_id"]) == 36
    assert result["environment"] == {
        "RELAIS_STAGE": "local",  # the stack's setting overrides the template's
        "AWS_LAMBDA_FUNCTION_NAME": "relais-local-echo",
        "_HANDLER": "tests.support.handlers.echo",
    }


def test_sequential_invocations_share_a_process_and_concurrent_ones_do_not(
    functions: Functions, tmp_path: Path
) -> None:
    assert invoke(functions, "echo")["pid"] == invoke(functions, "echo")["pid"]
    both = {"folder": str(tmp_path), "number": 2}
    with ThreadPoolExecutor(2) as callers:
        pids = set(callers.map(lambda _: invoke(functions, "meets", both), range(2)))
    assert len(pids) == 2


def test_an_exception_is_reported_and_the_process_is_reused(functions: Functions) -> None:
    document = failure(functions, "fails")
    assert document["errorType"] == "ValueError"
    assert document["errorMessage"] == "refused on purpose"
    assert any("refused on purpose" in line for line in document["stackTrace"])
    assert failure(functions, "fails")["errorType"] == "ValueError"


def test_a_handler_over_its_timeout_is_ended(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    began = invoke(functions, "sleeps", {"seconds": 0})
    with monkeypatch.context() as hurried:
        hurried.setitem(functions._functions, "relais-local-sleeps", function("sleeps", LATE))
        document = failure(functions, "sleeps", {"seconds": 30})
    assert document["errorType"] == "Sandbox.Timedout"
    assert "timed out after 0.30 seconds" in document["errorMessage"]
    wait_for(lambda: not alive({began}))
    assert invoke(functions, "sleeps", {"seconds": 0}) > 0


def test_a_dying_process_fails_only_its_invocation(functions: Functions) -> None:
    assert failure(functions, "dies")["errorType"] == "Runtime.ExitError"
    assert failure(functions, "exits")["errorType"] == "SystemExit"
    assert failure(functions, "exits")["errorType"] == "SystemExit"
    assert failure(functions, "unserializable")["errorType"] == "TypeError"
    assert failure(functions, "missing")["errorType"] == "AttributeError"
    assert invoke(functions, "echo")["event"] is None


def test_an_idle_process_that_died_fails_no_invocation(functions: Functions) -> None:
    pid = invoke(functions, "echo")["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive({pid}))
    assert invoke(functions, "echo")["pid"] != pid
    assert functions.busy() == 0


def test_invocations_over_the_concurrency_limit_wait(functions: Functions) -> None:
    with ThreadPoolExecutor(20) as callers:
        pids = list(callers.map(lambda _: invoke(functions, "sleeps", {"seconds": 0.05}), range(40)))
    assert len(set(pids)) <= 8


def test_stopping_finishes_running_invocations_and_ends_every_process(capfd: pytest.CaptureFixture[str]) -> None:
    environ = stack_environ({"PATH": "/usr/bin:/bin"}, "http://127.0.0.1:9", ROOT / "none.toml")
    functions = Functions([function("sleeps"), function("noisy")], environ)
    assert invoke(functions, "noisy") == "done"
    below = descendants(functions.pid)
    with ThreadPoolExecutor(2) as callers:
        soon = callers.submit(invoke, functions, "sleeps", {"seconds": 0.2})
        late = callers.submit(invoke, functions, "sleeps", {"seconds": 9})
        wait_for(lambda: functions.busy() == 2)
        below |= descendants(functions.pid)
        functions.stop(1.5)
        assert soon.result() > 0
        assert isinstance(late.exception(), FunctionFailed)
    with pytest.raises(NoEnvironment):
        invoke(functions, "sleeps", {"seconds": 0})
    wait_for(lambda: not alive(below))
    heard = capfd.readouterr()
    assert heard.out == ""
    assert "printed by a handler" in heard.err
    assert "written by a handler" in heard.err


OWNER = """
import sys, threading
from pathlib import Path
from local.template_reader import Function
from local.options import stack_environ
from local.lambdas.functions import Functions
sleeps = Function("relais-local-sleeps", "tests.support.handlers.sleeps", 60, 256)
functions = Functions([sleeps], stack_environ({}, "http://127.0.0.1:9", Path("none.toml")))
threading.Thread(target=functions.invoke, args=("relais-local-sleeps", {"seconds": 60})).start()
while not functions.busy():
    pass
print("busy", flush=True)
sys.stdin.read()
"""


def test_a_running_handler_ends_with_a_killed_stack() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdout.readline() == "busy\n"
    below = wait_for(lambda: found if len(found := descendants(owner.pid)) == 2 else set())
    owner.kill()
    owner.wait()
    wait_for(lambda: not alive(below))
