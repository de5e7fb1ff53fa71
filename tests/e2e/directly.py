"""Runs one function of `app` in this process, as a stranger to the local stack would: `NAME < event.json`."""

from __future__ import annotations

import json
import os
import sys
import time

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
        """Milliseconds left."""
        return int((self._ends - time.monotonic()) * 1000)


def main() -> None:
    """The result is the only line on the descriptor named by RESULT_FD."""
    name, event = sys.argv[1], json.load(sys.stdin)
    import app

    handler = app.app if name == "api_handler" else getattr(app, name)
    result = handler(event, Context(name))
    with os.fdopen(int(os.environ["RESULT_FD"]), "w") as out:
        json.dump(result, out)


if __name__ == "__main__":
    main()
