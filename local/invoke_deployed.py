"""Calls a function of a deployed stage: once, and for as long as it may run.

The AWS CLI gives a call up after a minute and makes it again, and again. Here nothing is repeated, and what changes
something has an idempotency key, so that a person may repeat the command when its answer was lost.
"""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.operators.functions import KEY, changes
from local import template
from local.deployed import access_problem, error_code, region
from local.options import DEFAULT_REGION, STAGE
from local.template_reader import Function, describe

CONNECT_SECONDS = 10
MARGIN_SECONDS = 30
"""For the start of an instance, beside the function's own time."""
NOTICE_SECONDS = 5.0
"""After so long a person is told that the function runs."""


class NotCalled(Exception):
    """There is no answer; the text says why and what to do."""


@dataclass(frozen=True)
class Call:
    """One call. `name` is the function's full name, `seconds` how long it may run, `key` its idempotency key."""

    name: str
    stage: str
    seconds: int
    event: Any
    key: str | None

    @property
    def repeat(self) -> str:
        """What a person may do who has no answer."""
        if self.key is None:
            return "It changes nothing, so you may call it again."
        return f"Repeating it is safe by the same command with --idempotency-key {self.key}"


def prepare(stage: str, name: str, event: Any, key: str | None) -> Call:
    """Returns the call of a function by its full or short name. `event`: None for the default. Raises NotCalled.

    A call that changes something gets a key, unless it has one.
    """
    function = _function(stage, name)
    short = function.short_name
    asked: Any = ({"Records": []} if function.queues else {}) if event is None else event
    if isinstance(asked, Mapping) and KEY not in asked and (key is not None or changes(short, asked)):
        asked = {**asked, KEY: key or str(uuid.uuid4())}
    used = asked.get(KEY) if isinstance(asked, Mapping) and changes(short, asked) else None
    return Call(f"relais-{stage}-{short}", stage, int(function.timeout_seconds), asked, used)


def make(call: Call) -> Mapping[str, Any]:
    """Returns `{"result"}` or `{"failed": Lambda's error document}`. Raises NotCalled."""
    notice = threading.Timer(NOTICE_SECONDS, _say_that_it_runs, (call,))
    notice.daemon = True
    notice.start()
    try:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=call.seconds + MARGIN_SECONDS,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,  # routers on the way forget a connection that is silent for minutes
        )
        client = boto3.session.Session(region_name=region()).client("lambda", config=config)
        answer = client.invoke(FunctionName=call.name, Payload=json.dumps(call.event).encode())
        document = json.loads(answer["Payload"].read() or b"null")
    except (ClientError, BotoCoreError) as error:
        raise NotCalled(_reason(error, call)) from None
    finally:
        notice.cancel()
    if "FunctionError" not in answer:
        return {"result": document}
    failed = document if isinstance(document, Mapping) else {}
    if call.key is not None:
        print(f"It may have changed something before it failed. {call.repeat}", file=sys.stderr)
    return {"failed": {"errorType": answer["FunctionError"], "errorMessage": "no message", **failed}}


def _function(stage: str, name: str) -> Function:
    """Returns the function as this checkout's template has it. Templates of stages differ by the stage's name alone."""
    try:
        description = describe(template.build(STAGE), DEFAULT_REGION)
        return description.function(name.removeprefix(f"relais-{stage}-"))
    except (KeyError, template.TemplateError) as error:
        raise NotCalled(str(error.args[0])) from None


def _say_that_it_runs(call: Call) -> None:
    kept = "" if call.key is None else f" Its idempotency key is {call.key}."
    print(f"{call.name} runs. It may take up to {call.seconds} s; waiting.{kept}", file=sys.stderr, flush=True)


def _reason(error: ClientError | BotoCoreError, call: Call) -> str:
    problem, code = access_problem(error, f"lambda:InvokeFunction on {call.name}"), error_code(error)
    if problem is not None:
        return problem
    if code == "ResourceNotFoundException":
        return f"There is no function {call.name} in this AWS account and region: is stage {call.stage} deployed there?"
    if code in ("TooManyRequestsException", "ThrottlingException"):
        return f"AWS throttles calls of {call.name} now, so nothing was done: try again in a minute."
    if code == "RequestTooLargeException":
        return "The event is larger than Lambda takes (6 MB), so nothing was done."
    if code and not code.startswith("Service"):
        return f"{call.name} was not called: {error}"
    return f"No answer of {call.name} ({code or type(error).__name__}). It may have run, or still run. {call.repeat}"
