"""Handlers for tests of the local Lambda, with every behaviour that affects their runtime."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_for


def echo(event: Any, context: Any) -> Any:
    """Return the event, and the values of the Lambda context."""
    return {
        "event": event,
        "pid": os.getpid(),
        "function": context.function_name,
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
        "memory": context.memory_limit_in_mb,
        "remaining": context.get_remaining_time_in_millis(),
        "log_group": context.log_group_name,
        "environment": {
            name: os.environ.get(name) for name in ("RELAIS_STAGE", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER")
        },
    }


def noisy(event: Any, context: Any) -> Any:
    """Writes where Lambda's log would be."""
    sys.stdout.write("printed by a handler\n")
    sys.stdout.flush()
    os.write(1, b"written by a handler\n")
    return "done"


def fails(event: Any, context: Any) -> Any:
    """Raises."""
    raise ValueError("refused on purpose")


def sleeps(event: Any, context: Any) -> Any:
    """Takes its time."""
    time.sleep(event["seconds"])
    return os.getpid()


def meets(event: Any, context: Any) -> Any:
    """Returns once `number` invocations with the same `folder` have begun."""
    folder = Path(event["folder"])
    (folder / context.aws_request_id).touch()
    wait_for(lambda: len(list(folder.iterdir())) == event["number"])
    return os.getpid()


def dies(event: Any, context: Any) -> Any:
    """Takes its process with it."""
    os._exit(7)


def exits(event: Any, context: Any) -> Any:
    """Exits with status 0."""
    sys.exit(3)


def unserializable(event: Any, context: Any) -> Any:
    """Returns a value that is not JSON."""
    return {"when": object()}
