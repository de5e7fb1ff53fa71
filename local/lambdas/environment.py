"""An execution environment: a process that imports one function's handler and runs its invocations one by one."""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.lambdas import wire
from local.template_reader import ACCOUNT_ID


def _log_stream() -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"


@dataclass(frozen=True)
class LambdaContext:
    """The context that Lambda passes to a handler, as awslambdaric makes it. `deadline` is in epoch seconds."""

    function_name: str
    aws_request_id: str
    deadline: float
    region: str
    memory_limit_in_mb: str
    function_version: str = "$LATEST"
    log_stream_name: str = field(default_factory=_log_stream)
    identity: Any = None
    client_context: Any = None
    tenant_id: str | None = None

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT_ID}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """The name of its log group in AWS."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Returns the remaining time of the invocation."""
        return max(int((self.deadline - time.time()) * 1000), 0)


Handler = Callable[[Any, LambdaContext], Any]


def serve(connection: socket.socket) -> None:
    """Receives the function's description on `connection`, then answers its invocations until the stack closes it."""
    function = wire.receive(connection)
    os.environ.clear()
    os.environ.update(function["environment"])
    threading.Thread(target=_end_with_stack, daemon=True).start()
    wire.send(connection, {"pid": os.getpid()})
    handler: Handler | None = None
    while True:
        try:
            invocation = wire.receive(connection)
        except (EOFError, OSError):
            return
        try:
            handler = handler or load(function["handler"])
            answer = {"result": _run(handler, invocation, function)}
        except BaseException as error:  # everything that a handler raises is answered, as in Lambda
            answer = {"error": _error_document(error)}
        wire.send(connection, answer)
        if "error" in answer and (handler is None or answer["error"]["errorType"] == "SystemExit"):
            return


def load(handler: str) -> Handler:
    """Imports `module.attribute`."""
    module, _, attribute = handler.rpartition(".")
    found: Handler = getattr(importlib.import_module(module), attribute)
    return found


def _run(handler: Handler, invocation: Mapping[str, Any], function: Mapping[str, Any]) -> Any:
    context = LambdaContext(
        function_name=function["name"],
        aws_request_id=invocation["request_id"],
        deadline=invocation["deadline"],
        region=function["environment"]["AWS_REGION"],
        memory_limit_in_mb=function["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    )
    result = handler(invocation["event"], context)
    json.dumps(result)  # for Lambda a result that is not JSON is an error of the function
    return result


def _error_document(error: BaseException) -> dict[str, Any]:
    """Returns Lambda's error document; the trace goes to the log as well."""
    traceback.print_exception(error, file=sys.stderr)
    trace = traceback.format_tb(error.__traceback__)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def _end_with_stack() -> None:
    """Exit when standard input, a pipe from the stack, closes: however the stack ends, nothing outlives it."""
    while os.read(0, 4096):
        pass
    os._exit(1)
