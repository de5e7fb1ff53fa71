"""A gateway over HTTP whose function is the test."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from local.http.gateway import Gateway
from local.http.server import HttpServer
from local.template_reader import Api

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
POST_ONLY = frozenset({"POST"})
RESOURCES = {
    "/": METHODS,
    "/{proxy+}": METHODS,
    "/forms/{form}/signup": POST_ONLY,
    "/events": POST_ONLY,
    "/events/{id}": METHODS,
}


class Answer(NamedTuple):
    """What a client gets."""

    status: int
    text: str
    getheader: Callable[[str], str | None]


class Recorder:
    """A gateway whose function is the test."""

    def __init__(self, gateway_responses: dict[str, Any] | None = None) -> None:
        self.forget()
        api = Api("api", RESOURCES, ("multipart/form-data",), gateway_responses or {})
        self.server = HttpServer("127.0.0.1", 0)
        self.server.start(Gateway(api, self._invoke, lambda: datetime(2026, 3, 1, 9, 30, tzinfo=UTC)))

    def forget(self) -> None:
        """Restore the default answer, and delete recorded events."""
        self.events: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Any] = lambda event: {"statusCode": 200, "headers": {}, "body": ""}

    def _invoke(self, event: Any, wait: float) -> Any:
        self.events.append(json.loads(json.dumps(event)))
        return self.answer(event)

    @property
    def event(self) -> dict[str, Any]:
        """The last one."""
        return self.events[-1]

    def send(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with closing(connection), connection.getresponse() as answer:
            return Answer(answer.status, answer.read().decode(), answer.getheader)

    def raw(self, sent: bytes) -> bytes:
        """The answer to these bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
