"""`python -m local invoke NAME`: runs one function, in the running stack or on a deployed stage.

Standard output is the function's JSON result and nothing else; for a function that raised it is
`{"error": {"kind", "message"}}`, with the trace on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import running_stacks
from local.lambdas import wire
from local.options import STAGE, stage_name


def main(arguments: list[str]) -> int:
    """Returns 0 with the result; 1 when the function raised or answered an error, or could not be called."""
    options = _options(arguments)
    try:
        event = _event(options.event)
    except (OSError, ValueError) as error:
        print(_message(error, options.event), file=sys.stderr)
        return 1
    return _invoke_here(options, event) if options.stage == STAGE else _invoke_deployed(options, event)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local invoke", description="Run one function of the running stack, or of a deployed stage."
    )
    parser.add_argument("name", metavar="NAME", help="such as collect_stats, or relais-local-collect_stats")
    parser.add_argument("--event", type=Path, metavar="FILE", help="its event as JSON; - is standard input")
    parser.add_argument("--stage", type=stage_name, default=STAGE, help="a deployed one, with AWS credentials as usual")
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="of an earlier call, to repeat it safely; default: a new one"
    )
    return parser.parse_args(arguments)


def _invoke_here(options: argparse.Namespace, event: Any) -> int:
    if options.idempotency_key is not None and (event is None or isinstance(event, dict)):
        event = {**(event or {}), "idempotency_key": options.idempotency_key}
    try:
        answer = ask(running_stacks.find(os.environ), options.name, event)
    except (running_stacks.NoStack, OSError, EOFError, ValueError) as error:
        print(_message(error, options.event), file=sys.stderr)
        return 1
    return _print(answer)


def _invoke_deployed(options: argparse.Namespace, event: Any) -> int:
    from local import invoke_deployed  # boto3 takes a while to import

    try:
        call = invoke_deployed.prepare(options.stage, options.name, event, options.idempotency_key)
    except invoke_deployed.NotCalled as error:
        print(error, file=sys.stderr)
        return 1
    try:
        return _print(invoke_deployed.make(call))
    except invoke_deployed.NotCalled as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{call.name} goes on by itself. {call.repeat}", file=sys.stderr)
        return 130


def ask(stack: running_stacks.StackState, function: str, event: Any) -> Mapping[str, Any]:
    """Returns the stack's answer (`local.control`). Without `event` the default. Raises OSError or EOFError."""
    with socket.create_connection(("127.0.0.1", stack.control_port), timeout=10) as connection:
        connection.settimeout(None)  # the function's own time limit holds
        wire.send(connection, {"token": stack.token, "function": function, "event": event})
        answer: Mapping[str, Any] = wire.receive(connection)
    return answer


def outcome(answer: Mapping[str, Any]) -> tuple[int, Any]:
    """Returns the exit code and JSON value of an answer; None where the function was not run."""
    if "refused" in answer:
        return 1, None
    if "failed" in answer:
        document = answer["failed"]
        return 1, {"error": {"kind": document["errorType"], "message": document["errorMessage"]}}
    result = answer["result"]
    return (1 if isinstance(result, dict) and result.get("error") else 0), result


def _event(path: Path | None) -> Any:
    if path is None:
        return None
    return json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))


def _print(answer: Mapping[str, Any]) -> int:
    code, result = outcome(answer)
    if "refused" in answer:
        print(answer["refused"], file=sys.stderr)
        return code
    if "failed" in answer:
        document = answer["failed"]
        print("".join(document.get("stackTrace", [])), file=sys.stderr, end="")
        print(f"{document['errorType']}: {document['errorMessage']}", file=sys.stderr)
    try:
        print(json.dumps(result), flush=True)
    except BrokenPipeError:  # what reads it, such as head, has enough; nothing more is written at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _message(error: Exception, event: Path | None) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{event} is not JSON: {error}"
    if isinstance(error, (EOFError, ConnectionError)):
        return "The stack ended before it answered."
    return str(error)
