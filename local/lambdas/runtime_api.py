"""A Lambda Runtime API of one execution environment, on 127.0.0.1 at a free port.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the runtime requests the next invocation, waits until
there is one, and posts its result.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PREFIX = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One event on its way through a function; `answer` is the path it was posted to and its JSON."""

    event: Any
    arn: str
    deadline_ms: int
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: tuple[str, Any] | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def take(self, kind: str, body: Any) -> None:
        """Keeps what the runtime posted."""
        self.answer = (kind, body)
        self.answered.set()


class RuntimeApi:
    """Passes invocations to the runtime that polls `address`."""

    def __init__(self, on_initialised: Callable[[], None] = lambda: None) -> None:
        """`on_initialised` is called when the runtime requests its first invocation, before that is handed out."""
        self.on_initialised = on_initialised
        self.waiting: queue.Queue[Invocation | None] = queue.Queue()
        self.handed: dict[str, Invocation] = {}
        self.init_error: Any = None
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def invoke(self, event: Any, arn: str, seconds: float) -> Invocation:
        """Queue an event for the runtime; `seconds` is the timeout given to the function."""
        invocation = Invocation(event, arn, int((time.time() + seconds) * 1000))
        self.waiting.put(invocation)
        return invocation

    def stop(self) -> None:
        """Answers nothing more."""
        self.waiting.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # a runtime that is killed drops its connection

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and a body in two packets would wait for each other, 40 ms
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            raise ValueError(self.path)
        if not self.server.api.handed:
            self.server.api.on_initialised()
        invocation = self.server.api.waiting.get()
        if invocation is None:
            self.close_connection = True
            return
        self.server.api.handed[invocation.request_id] = invocation
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-69a409c8-1a2b3c4d5e6f708192a3b4c5;Sampled=0",
        }
        self._answer(200, json.dumps(invocation.event).encode(), headers)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        if self.path == f"{_PREFIX}/init/error":
            self.server.api.init_error = body
        else:
            prefix, request_id, kind = self.path.rsplit("/", 2)
            if prefix != f"{_PREFIX}/invocation":
                raise ValueError(self.path)
            self.server.api.handed[request_id].take(kind, body)
        self._answer(202, b'{"status": "OK"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the functions' own log is what counts."""
