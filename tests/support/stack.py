"""Real stacks for tests, as subprocesses at free ports.

One serves all tests of a process, one after the other, by a clock that the test owns (`SharedStack`); a test may also
start `python -m local run` for itself (`StackStarter`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from local import invoke, running_stacks
from tests.support import rights
from tests.support.aws import TestAws
from tests.support.described import Exchange, require_described
from tests.support.shifted_clock import VARIABLE, MovedClock
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
T = TypeVar("T")


class StackNotStarted(AssertionError):
    """The stack ended instead of starting; `code` is its exit code, `errors` its standard error."""

    def __init__(self, code: int, errors: str) -> None:
        self.code = code
        self.errors = errors
        super().__init__(f"exit {code}:\n{errors}")


@dataclass(frozen=True)
class Response:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class RunningStack:
    """`lines` are the `name: value` lines it printed, such as `lines["admin key"]`."""

    def __init__(self, process: subprocess.Popen[str], lines: dict[str, str], log: Path) -> None:
        self.process = process
        self.lines = lines
        self._log = log
        self._aws: TestAws | None = None

    @property
    def http(self) -> str:
        """Base URL of the product."""
        return self.lines["http"]

    @property
    def aws(self) -> TestAws:
        """The AWS it uses."""
        if self._aws is None:
            self._aws = TestAws(self.lines["aws"])
        return self._aws

    @property
    def sandbox(self) -> str:
        """Base URL of its sandbox; KeyError when it was started with a configuration."""
        return self.lines["sandbox"]

    @property
    def logs(self) -> str:
        """Standard error so far: its own messages and the logs of its functions."""
        return self._log.read_text()

    @property
    def port(self) -> str:
        """Of HTTP; what `PORT` would be."""
        return self.http.rpartition(":")[2]

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send one HTTP request, whose answer must be as the OpenAPI document says; redirects are not followed."""
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(self.http + path, data=data, method=method, headers=dict(headers or {}))
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=35) as answer:
                response = Response(answer.status, _lower(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            response = Response(error.code, _lower(error.headers.items()), error.read())
        require_described(
            Exchange(method, path, headers or {}, data or b"", response.status, response.headers, response.body)
        )
        return response

    def invoke(self, name: str, event: Any = None) -> tuple[int, Any]:
        """As `python -m local invoke NAME`: exit code and parsed standard output, None when that is empty."""
        return invoke.outcome(invoke.ask(running_stacks.find({"PORT": self.port}), name, event))

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> int:
        """Send it a signal and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow no redirect: it is an answer like any other."""


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


class StackStarter:
    """Starts stacks and stops them all at the end. Configurations and logs go into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[RunningStack] = []

    def __call__(self, config_text: str | None = None, env: Mapping[str, str] | None = None) -> RunningStack:
        """Start a stack, with this configuration or the sandbox; returns once it is ready. Raises StackNotStarted."""
        number = len(self._started)
        environ = _environ() | {"PORT": "0", "AWS_PORT": "0", "SANDBOX_PORT": "0"}
        if config_text is not None:
            config = self._folder / f"relais-{number}.toml"
            config.write_text(config_text)
            environ["RELAIS_CONFIG"] = str(config)
        environ |= env or {}
        log = self._folder / f"stack-{number}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "local", "run"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        running = RunningStack(process, _read_lines(process, log), log)
        self._started.append(running)
        return running

    def stop_all(self) -> None:
        """Stop the stacks that still run."""
        for running in self._started:
            running.stop(signal.SIGTERM)


class MovableStack(RunningStack):
    """The shared stack, as the test that it was reset for sees it."""

    def __init__(self, shared: SharedStack, lines: dict[str, str], log: Path) -> None:
        self._shared = shared
        self._turn = shared.turn
        super().__init__(shared.process, lines, log)

    @property
    def lines(self) -> dict[str, str]:
        """As `RunningStack.lines`, as long as it was not reset for another test."""
        if self._turn != self._shared.turn:
            raise AssertionError("this stack was reset or made idle: its test has ended")
        return self._lines

    @lines.setter
    def lines(self, lines: dict[str, str]) -> None:
        self._lines = lines

    def now(self) -> datetime:
        """Return the time that it lives in."""
        return self._shared.clock.now()

    def forward(self, seconds: float) -> None:
        """Let time pass for the product, its queues and the simulated providers, once no invocation is under way.

        Schedules that are due fire, and messages that were to come by then do; batch windows close.
        """
        self._shared.command("forward", seconds=seconds)

    def settle(self) -> None:
        """Wait until the stack is idle and stays so until time moves."""
        wait_for(lambda: self._shared.command("is_quiet"), 60)

    def until(self, condition: Callable[[], T], step_seconds: float = 61.0, deadline_seconds: float = 60.0) -> T:
        """Wait for the first true result of `condition`; while the stack is idle, time moves by steps, in which
        schedules fire.

        Raises AssertionError with its last result after `deadline_seconds` of real time.
        """

        def settled() -> object:
            """Found, or nothing will happen before time passes."""
            return condition() or self._shared.command("is_quiet")

        deadline = time.monotonic() + deadline_seconds
        while time.monotonic() < deadline:
            wait_for(settled, deadline_seconds)
            if result := condition():
                return result
            self.forward(step_seconds)
        raise AssertionError(f"still {condition()!r} after {deadline_seconds} seconds")

    def kill_workers(self, function: str | None = None) -> int:
        """Kill the processes of one function, or of all, regardless of their work; returns how many there were."""
        return int(self._shared.command("end_environments", function=function))

    def restart_workers(self, config_text: str | None = None) -> None:
        """Stop pollers and functions as a signal to the stack would, and start them again, also with another
        configuration.

        Running invocations have a moment to finish. Queues, tables and providers keep their data.
        """
        self._shared.command("restart_workers", config=config_text)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> int:
        """It is for other tests, too."""
        raise AssertionError("this stack is shared: a test that stops one starts it itself")


class SharedStack:
    """One stack for all tests of a process. `reset` makes it a test's own."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "stack.log"
        self._propagation = threading.Lock()
        self.clock = MovedClock(folder / "clock")
        self.turn = 0
        """How often it was reset or made idle: objects of an earlier reset are invalid."""
        environ = {**_environ(), VARIABLE: str(self.clock.path)}
        with self._log.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.stack_process"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._lines: dict[str, str] = self._answer()["lines"]

    @property
    def http(self) -> str:
        """Base URL of the product, for configurations that name it."""
        return self._lines["http"]

    @property
    def sandbox(self) -> str:
        """Base URL of the sandbox, for configurations that name it."""
        return self._lines["sandbox"]

    def reset(self, config_text: str | None = None, *, template_windows: bool = False) -> MovableStack:
        """Reset the stack to its initial state, with this configuration or that of the sandbox. Raises StackNotStarted.

        Batch windows last for a moment, or as long as the template says, by the stack's clock.
        """
        self.turn += 1
        self._check_rights()
        self._called_rights.unlink(missing_ok=True)
        self.command("reset", config=config_text, windows=template_windows)
        return MovableStack(self, self._lines, self._log)

    @property
    def logs(self) -> str:
        """Standard error since the last reset."""
        return self._log.read_text()

    def idle(self) -> None:
        """Stop all activity, so that it uses no processor time until it is reset.

        Raises AssertionError if a function made a call that its role does not allow.
        """
        self.turn += 1
        self.command("idle")
        self._check_rights()

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Refuse no AWS call for want of a right."""
        mark = self.clock.path.with_name(rights.OBSERVED)
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    @property
    def called_rights(self) -> dict[str, set[rights.Right]]:
        """The rights that the functions' AWS calls have taken since the last reset, by function."""
        return rights.noted_in(self._called_rights)

    @property
    def _called_rights(self) -> Path:
        return self.clock.path.with_name(rights.CALLED)

    def _check_rights(self) -> None:
        refused = self.clock.path.with_name(rights.REFUSED)
        calls = rights.noted_in(refused)
        refused.unlink(missing_ok=True)
        assert not calls, f"AWS calls without a right for them in .chalice/policies.json: {calls}"

    def command(self, command: str, **arguments: Any) -> Any:
        """Have it do something, and wait until it has."""
        assert self.process.stdin is not None
        with self._propagation:
            self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self.process.stdin.flush()
            answer = self._answer()
        if "failed" in answer:
            raise StackNotStarted(1, answer["failed"])
        return answer["done"]

    def stop(self) -> None:
        """End it."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the shared stack ended:\n{self._log.read_text()}")
        return json.loads(line)


def _environ() -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
    return environ | {"PYTHONUNBUFFERED": "1"}


def _read_lines(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    """Reads the start lines, printed together before `/healthz` answers; the last is `dashboard`, or `admin key`
    beside a sandbox.
    """
    assert process.stdout is not None
    lines: dict[str, str] = {}
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            raise StackNotStarted(process.wait(), log.read_text())
        name, _, value = line.rstrip("\n").partition(": ")
        lines[name] = value
        if name == ("admin key" if "sandbox" in lines else "dashboard"):
            return lines
    raise AssertionError(f"not ready after {_START_SECONDS} seconds: {lines}")


@contextmanager
def starting_stacks(folder: Path) -> Iterator[StackStarter]:
    """Yield a StackStarter whose stacks end with the block."""
    starter = StackStarter(folder)
    try:
        yield starter
    finally:
        starter.stop_all()
