"""The caller's side of Lambda: invokes a function by name, in a free or a new environment."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.lambdas import wire
from local.template_reader import Function

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 15.0
# Concurrent invocations of one function; more wait. Lambda's limit is 1,000 an account, this machine's its cores.
_CONCURRENCY = 8


class FunctionFailed(Exception):
    """An invocation that raised, ran out of time, or whose environment died; `document` is Lambda's error document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        super().__init__(f"{document['errorType']}: {document['errorMessage']}")


class NoEnvironment(Exception):
    """No execution environment was free or could be created in time."""


class _Environment:
    """One process of one function."""

    def __init__(self, connection: socket.socket, function: Mapping[str, Any]) -> None:
        self._connection = connection
        connection.settimeout(_START_SECONDS)
        wire.send(connection, function)
        self.pid = int(wire.receive(connection)["pid"])

    def run(self, event: Any, seconds: float) -> Any:
        """Runs the handler and returns its result. Raises FunctionFailed."""
        request_id = str(uuid.uuid4())
        self._connection.settimeout(seconds)
        try:
            wire.send(self._connection, {"event": event, "request_id": request_id, "deadline": time.time() + seconds})
            answer = wire.receive(self._connection)
        except TimeoutError:
            message = f"{request_id} Task timed out after {seconds:.2f} seconds"
            raise FunctionFailed({"errorType": "Sandbox.Timedout", "errorMessage": message}) from None
        except (EOFError, OSError):
            message = f"RequestId: {request_id} Error: the runtime exited"
            raise FunctionFailed({"errorType": "Runtime.ExitError", "errorMessage": message}) from None
        if "error" in answer:
            raise FunctionFailed(answer["error"])
        return answer["result"]

    def ended(self) -> bool:
        """Returns whether the process died while idle. It sends nothing unasked, so readable means closed."""
        self._connection.setblocking(False)
        try:
            return not self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Closes the connection to a process that has ended. No signal: its pid may be another's by now."""
        self._connection.close()

    def end(self) -> None:
        """Sends SIGKILL; a caller waiting for an answer gets an error."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Ends the process at once, whatever it is doing."""
        self._connection.close()
        self.end()


class Functions:
    """The functions of the stage, to be invoked by name; `environ` overrides the template's variables.

    `modules` are imported once, before the first environment is forked, and shared by all. `root` is the folder of the
    code.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        environ: Mapping[str, str],
        modules: Sequence[str] = (),
        root: Path = _ROOT,
    ) -> None:
        self._functions = {function.name: function for function in functions}
        self._environ = dict(environ)
        self._idle: dict[str, list[_Environment]] = {name: [] for name in self._functions}
        self._all: dict[str, set[_Environment]] = {name: set() for name in self._functions}
        self._starting = dict.fromkeys(self._functions, 0)
        self._changed = threading.Condition()
        self._stopped = False
        self._requests, theirs = socket.socketpair()
        command = [sys.executable, "-m", "local.lambdas.fork_server", str(theirs.fileno()), *modules]
        with theirs:
            self._fork_server = subprocess.Popen(
                command, cwd=root, env=self._environ, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()]
            )

    def invoke(self, name: str, event: Any, wait_seconds: float = 60.0) -> Any:
        """Runs `name` with `event`, waiting `wait_seconds` for an environment at most, then the function's own timeout.

        Raises FunctionFailed or NoEnvironment.
        """
        environment = self._acquire(name, wait_seconds)
        failed = True
        try:
            result = environment.run(event, self._functions[name].timeout_seconds)
            failed = False
            return result
        except FunctionFailed as failure:
            # An environment whose handler raised is used again, with its memory, as Lambda does.
            failed = "stackTrace" not in failure.document or failure.document["errorType"] == "SystemExit"
            raise
        finally:
            self._release(name, environment, broken=failed)

    @property
    def pid(self) -> int:
        """Pid of the fork server, the parent of all environments."""
        return self._fork_server.pid

    def busy(self) -> int:
        """Returns the number of running invocations."""
        with self._changed:
            return sum(len(self._all[name]) - len(self._idle[name]) for name in self._functions)

    def end_environments(self, name: str | None = None) -> int:
        """Ends every process, or those of one function, with SIGKILL; returns how many. New ones are created on demand.

        Running invocations fail as if the runtime had exited.
        """
        with self._changed:
            names = self._functions if name is None else [name]
            idle = [environment for each in names for environment in self._idle[each]]
            busy = [environment for each in names for environment in self._all[each] if environment not in idle]
            for each in names:
                self._all[each].difference_update(self._idle[each])
                self._idle[each].clear()
        for environment in busy:
            environment.end()
        for environment in idle:
            environment.kill()
        return len(idle) + len(busy)

    def stop(self, seconds: float) -> None:
        """Lets running invocations finish for `seconds`, then ends every process."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        while self.busy() and time.monotonic() < deadline:
            time.sleep(0.02)
        with self._changed:
            for environment in [each for some in self._all.values() for each in some]:
                environment.kill()
        self._requests.close()
        if self._fork_server.stdin:
            self._fork_server.stdin.close()
        self._fork_server.kill()
        self._fork_server.wait()

    def _acquire(self, name: str, wait_seconds: float) -> _Environment:
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                if self._stopped:
                    raise NoEnvironment("the stack is stopping")
                while self._idle[name]:
                    environment = self._idle[name].pop()
                    if not environment.ended():
                        return environment
                    self._all[name].discard(environment)
                    environment.close()
                if len(self._all[name]) + self._starting[name] < _CONCURRENCY:
                    self._starting[name] += 1
                    break
                if not self._changed.wait(deadline - time.monotonic()):
                    raise NoEnvironment(f"no environment of {name} in {wait_seconds} seconds")
        started = None
        try:
            started = self._start(self._functions[name])
            return started
        finally:
            with self._changed:
                self._starting[name] -= 1
                if started:
                    self._all[name].add(started)
                self._changed.notify_all()

    def _start(self, function: Function) -> _Environment:
        ours, theirs = socket.socketpair()
        request = {"name": function.name, "handler": function.handler, "environment": self._environment_of(function)}
        try:
            with theirs:
                socket.send_fds(self._requests, [b"+"], [theirs.fileno()])
            return _Environment(ours, request)
        except (OSError, EOFError) as error:
            ours.close()
            raise NoEnvironment(f"no environment of {function.name} could be created: {error}") from error

    def _environment_of(self, function: Function) -> dict[str, str]:
        """Returns the template's variables, overridden by the stack's, with those that Lambda itself sets."""
        return {
            **function.environment,
            **self._environ,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "_HANDLER": function.handler,
        }

    def _release(self, name: str, environment: _Environment, broken: bool) -> None:
        if broken:
            environment.kill()
        with self._changed:
            if broken:
                self._all[name].discard(environment)
            else:
                self._idle[name].append(environment)
            self._changed.notify_all()
