"""Runs functions of `app` as a stranger to the local stack would: one line of JSON in, the result as a line out.

Everything is imported once; each line is run by a process forked from there, in the environment that it names.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from tests.support.preload import import_product

REQUEST_ID = "00000000-0000-4000-8000-0000000000ff"


class Context:
    """Lambda's context, by its documented members."""

    aws_request_id = REQUEST_ID
    log_group_name = log_stream_name = "direct"
    memory_limit_in_mb = "512"
    function_version = "$LATEST"
    identity = client_context = None

    def __init__(self, name: str) -> None:
        self.function_name = f"relais-local-{name}"
        self.invoked_function_arn = f"arn:aws:lambda:eu-west-3:123456789012:function:{self.function_name}"
        self._ends = time.monotonic() + 25

    def get_remaining_time_in_millis(self) -> int:
        """Remaining milliseconds."""
        return int((self._ends - time.monotonic()) * 1000)


def main() -> None:
    """Until standard input closes. What functions write goes to standard error."""
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import_product()
    import app

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(app, asked, results)
        status = os.waitpid(child, 0)[1]
        if status:
            results.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
            results.flush()


def _run(app: Any, asked: dict[str, Any], results: Any) -> None:
    """In the child: the result, or an exit code other than 0."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(asked["environ"])
        name = asked["name"]
        handler = app.app if name == "api_handler" else getattr(app, name)
        result = handler(asked["event"], Context(name))
        results.write(json.dumps({"result": result}) + "\n")
        results.flush()
        code = 0
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
