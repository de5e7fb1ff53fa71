"""Serves `invoke` on a local port: one request a connection, with the token of the stack's state file."""

from __future__ import annotations

import hmac
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from typing import Any

from local.lambdas import wire
from local.lambdas.functions import FunctionFailed, NoEnvironment

_READ_SECONDS = 10.0


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, control: Control) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.control = control

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a client that disconnected before its answer."""


class _Request(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.control.serve(self.request)


class Control:
    """Answers `{"token", "function", "event"}` with `{"result"}`, `{"refused"}` or `{"failed": Lambda's error}`."""

    def __init__(self, token: str, invoke: Callable[[str, Any], Any]) -> None:
        self.token = token
        self._invoke = invoke
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Answers requests in background threads."""
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True).start()

    def stop(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def serve(self, connection: socket.socket) -> None:
        """Answers one request."""
        connection.settimeout(_READ_SECONDS)
        try:
            request = wire.receive(connection)
        except (EOFError, OSError, ValueError):
            return
        if isinstance(request, Mapping) and hmac.compare_digest(str(request.get("token")), self.token):
            wire.send(connection, self._answer(str(request.get("function")), request.get("event")))

    def _answer(self, function: str, event: Any) -> dict[str, Any]:
        try:
            return {"result": self._invoke(function, event)}
        except FunctionFailed as failure:
            return {"failed": failure.document}
        except (NoEnvironment, KeyError) as error:
            return {"refused": str(error.args[0])}
