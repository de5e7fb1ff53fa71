"""One execution environment: a process that imports one function's handler and runs one invocation after the other."""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from local.lambdas import wire
from local.lambdas.context import LambdaContext

Handler = Callable[[Any, LambdaContext], Any]


def serve(connection: socket.socket) -> None:
    """Learn on `connection` which function this is, then answer its invocations until the stack closes it."""
    function = wire.receive(connection)
    os.environ.clear()
    os.environ.update(function["environment"])
    threading.Thread(target=_end_with_the_stack, daemon=True).start()
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
        except BaseException as error:  # whatever a handler does is an answer to its caller, as in Lambda
            answer = {"error": _told(error)}
        wire.send(connection, answer)
        if "error" in answer and (handler is None or answer["error"]["errorType"] == "SystemExit"):
            return


def load(handler: str) -> Handler:
    """`module.attribute`, imported."""
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
    json.dumps(result)  # Lambda answers with an error of the function when its result is no JSON
    return result


def _told(error: BaseException) -> dict[str, Any]:
    """Lambda's error document; the trace goes to the log as well."""
    traceback.print_exception(error, file=sys.stderr)
    trace = traceback.format_tb(error.__traceback__)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def _end_with_the_stack() -> None:
    """Standard input is a pipe from the stack: it closes however the stack ends, and nothing outlives it."""
    while os.read(0, 4096):
        pass
    os._exit(1)
