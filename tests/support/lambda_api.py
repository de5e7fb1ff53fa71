"""Lambda's HTTP interface for tests: `POST /2015-03-31/functions/NAME/invocations`, answered by a callable."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Refused(Exception):
    """An error of Lambda's own: its code and status."""

    def __init__(self, code: str, status: int) -> None:
        self.code = code
        self.status = status
        super().__init__(code)


@dataclass
class LambdaApi:
    """A running one. `answer` gets a function's name and event, and returns an outcome as `local.control` does."""

    answer: Callable[[str, Any], Mapping[str, Any]]
    url: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Name and event of every request."""

    def environ(self) -> dict[str, str]:
        """Variables for a client of it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-3",
            "AWS_DEFAULT_REGION": "eu-west-3",
        }


@contextmanager
def serving(answer: Callable[[str, Any], Mapping[str, Any]]) -> Iterator[LambdaApi]:
    """Serve at a free port of this machine."""
    api = LambdaApi(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.split("/")[3]
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.asked.append((name, event))
            headers = {}
            try:
                outcome, status = api.answer(name, event), 200
                document = outcome.get("failed", outcome.get("result"))
                headers = {"X-Amz-Function-Error": "Unhandled"} if "failed" in outcome else {}
            except Refused as error:
                document, status = {"Message": "in AWS' words"}, error.status
                headers = {"x-amzn-ErrorType": error.code}
            body = json.dumps(document).encode()
            with suppress(OSError):  # the client has given up
                self.send_response(status)
                for header, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(header, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Not on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
