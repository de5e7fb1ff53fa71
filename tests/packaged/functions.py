"""The packaged functions as Lambda runs them: the unpacked zip under Lambda's own runtime client."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.lambdas import runtime_client
from local.lambdas.functions import FunctionFailed
from local.lambdas.runtime_api import Invocation, RuntimeApi
from local.lambdas.runtime_client import clean_environ, function_environ
from local.template_reader import ACCOUNT_ID, Function
from tests.support.aws import REGION, TestAws
from tests.support.packaging import Packaged, interpreter


class PackagedFunction:
    """One function with at most one execution environment, which is started when needed.

    Invocations run one after another. `deadline_seconds` is the timeout given to the function.
    """

    def __init__(self, function: Function, packaged: Packaged, client: Path, aws: TestAws, log: Path) -> None:
        self._function = function
        self._root = packaged.unpacked
        self._client = client
        self._aws = aws
        self._log = log
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._api: RuntimeApi | None = None
        self.deadline_seconds: float = function.timeout_seconds
        self.events: list[Any] = []

    @property
    def log(self) -> str:
        """What its environments have written."""
        return self._log.read_text()

    def __call__(self, event: Any) -> Any:
        """The result. Raises FunctionFailed with Lambda's error document, also where the environment died."""
        with self._lock:
            self.events.append(event)
            process, api = self._environment()
            invocation = api.invoke(event, self._arn, self.deadline_seconds)
            while not invocation.answered.wait(0.05):
                if process.poll() is not None and not invocation.answered.is_set():
                    raise FunctionFailed(self._ended(invocation, api))
        assert invocation.answer is not None
        kind, body = invocation.answer
        if kind == "error":
            raise FunctionFailed(body)
        return body

    def kill(self) -> None:
        """SIGKILL the environment, regardless of its work."""
        assert self._process is not None
        self._process.kill()

    def stop(self) -> None:
        """End the environment."""
        if self._process is not None and self._api is not None:
            self._process.kill()
            self._process.wait()
            self._api.stop()
        self._process = self._api = None

    def _environment(self) -> tuple[subprocess.Popen[bytes], RuntimeApi]:
        if self._process is None or self._api is None or self._process.poll() is not None:
            self.stop()
            self._api = RuntimeApi()
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    isolated("-m", "awslambdaric", self._function.handler),
                    cwd=self._root,
                    env={**self.environ, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        return self._process, self._api

    @property
    def environ(self) -> dict[str, str]:
        """What Lambda sets, the template's variables, and nothing of this process's."""
        return {
            **clean_environ(self._root, self._client),
            **self._function.environment,
            **self._aws.environ,
            **function_environ(self._function.name, self._function.handler, self._function.memory_mb),
        }

    @property
    def _arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self._function.name}"

    def _ended(self, invocation: Invocation, api: RuntimeApi) -> Mapping[str, Any]:
        document: Mapping[str, Any] | None = api.init_error
        return document or {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {invocation.request_id} Error: the runtime exited\n{self.log[-2000:]}",
        }


def isolated(*args: str) -> list[str]:
    """Lambda's Python, where it is there, without installed packages: neither an environment's nor this checkout's."""
    return runtime_client.isolated(*args, python=interpreter())
