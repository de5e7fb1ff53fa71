"""A real stack for tests: `python -m local run` as a subprocess at free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.aws import TestAws

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0


class StackNotStarted(AssertionError):
    """The stack ended instead of starting; `code` is its exit code, `errors` what it said on standard error."""

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

    def __init__(
        self, process: subprocess.Popen[str], lines: dict[str, str], environ: dict[str, str], log: Path
    ) -> None:
        self.process = process
        self.lines = lines
        self._environ = environ
        self._log = log

    @property
    def http(self) -> str:
        """Base URL of the product."""
        return self.lines["http"]

    @property
    def aws(self) -> TestAws:
        """The AWS it uses."""
        return TestAws(self.lines["aws"])

    @property
    def sandbox(self) -> str:
        """Base URL of its sandbox; KeyError when it was started with a configuration."""
        return self.lines["sandbox"]

    @property
    def logs(self) -> str:
        """What it has written on standard error so far: its own words and its functions' logs."""
        return self._log.read_text()

    @property
    def port(self) -> str:
        """Of HTTP; what `PORT` would be."""
        return self.http.rpartition(":")[2]

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One HTTP request; redirects are not followed."""
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(self.http + path, data=data, method=method, headers=dict(headers or {}))
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=35) as answer:
                return Response(answer.status, _lower(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, _lower(error.headers.items()), error.read())

    def invoke(self, name: str, event: Any = None) -> tuple[int, Any]:
        """`python -m local invoke NAME`: exit code and parsed standard output, None when that is empty."""
        command = [sys.executable, "-m", "local", "invoke", name]
        if event is not None:
            command += ["--event", "-"]
        environ = {**self._environ, "PORT": self.port}
        environ.pop("AWS_PORT", None)
        done = subprocess.run(
            command, cwd=ROOT, env=environ, input=json.dumps(event), capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None

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
        """A redirect is an answer like any other."""


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


class StackStarter:
    """Starts stacks and stops them all at the end. Configurations and logs go into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[RunningStack] = []

    def __call__(self, config_text: str | None = None, env: Mapping[str, str] | None = None) -> RunningStack:
        """A stack that is ready, with this configuration or the sandbox. Raises StackNotStarted."""
        number = len(self._started)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
        environ |= {"PORT": "0", "AWS_PORT": "0", "SANDBOX_PORT": "0", "PYTHONUNBUFFERED": "1"}
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
        running = RunningStack(process, _read_lines(process, log), environ, log)
        self._started.append(running)
        return running

    def stop_all(self) -> None:
        """Whatever still runs."""
        for running in self._started:
            running.stop(signal.SIGTERM)


def _read_lines(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    """They come all at once, when `/healthz` answers; the last is `dashboard`, or `admin key` beside a sandbox."""
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
    """A StackStarter whose stacks end with the block."""
    starter = StackStarter(folder)
    try:
        yield starter
    finally:
        starter.stop_all()
