"""The HTTP server of the sandbox: keep-alive, one write an answer, and control of the connection for faults."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from . import wire
from .control import control
from .exchange import HTML_TYPE, Reply, Request, json_reply, text_reply
from .faults import Rule
from .page import mail, page
from .simulation import Handled, Pause, Simulation

_MAX_BODY = 64_000_000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s: closing sends RST


class SandboxServer(ThreadingHTTPServer):
    """One thread a connection; tracks open connections, so that stopping ends them all."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, port: int, simulation: Simulation) -> None:
        self.simulation = simulation
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._aborted: set[socket.socket] = set()
        self.connection_numbers = itertools.count(1)
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Tracks the connection and serves it in its own thread."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection: normally, or with a reset after `abort`."""
        with self._lock:
            self._open.discard(request)
            aborted = request in self._aborted
            self._aborted.discard(request)
        if aborted:
            self.close_request(request)  # without the shutdown() that would send a FIN first
        else:
            super().shutdown_request(request)

    def abort(self, connection: socket.socket) -> None:
        """Makes the connection end with a reset (RST) when its handler returns."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        with self._lock:
            self._aborted.add(connection)

    def close_all(self) -> None:
        """Closes every open connection, which ends their threads."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed by the other side

    def wake(self) -> None:
        """Accepts no more connections, so that `shutdown` need not wait for the next poll."""
        with contextlib.suppress(OSError):  # not every system lets a listening socket be shut down
            self.socket.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a client that disconnects; prints any other error as usual."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SandboxServer

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.connection_numbers)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: request lines may contain secrets, and the call log has every call."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        request = Request(
            self.command,
            path,
            dict(parse_qsl(query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self._body(),
            self.client_address[0],
        )
        first, _, rest = path.lstrip("/").partition("/")
        simulation = self.server.simulation  # for the whole request, even if the sandbox is restarted meanwhile
        provider = simulation.providers.get(first)
        if provider is not None:
            below = Request(request.method, "/" + rest, request.query, request.headers, request.body, request.client)
            handled = simulation.handle(provider, below, self.number)
            try:
                self._send(handled, simulation.pause)
            finally:
                simulation.call_log.end(handled.entry)
        else:
            self._whole(self._other_answer(request, first, rest))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _serve

    def _other_answer(self, request: Request, first: str, rest: str) -> Reply:
        simulation = self.server.simulation
        if first == "_control":
            return control(
                simulation, Request(request.method, "/" + rest, request.query, request.headers, request.body)
            )
        if first == "mail" and request.method in ("GET", "HEAD"):
            found = mail(simulation, rest)
            return text_reply(found or "There is no such mail.", 200 if found else 404, content_type=HTML_TYPE)
        if first == "" and request.method in ("GET", "HEAD"):
            return text_reply(page(simulation, request.query), content_type=HTML_TYPE)
        return json_reply({"error": "not found", "known": ["/", "/_control/", *simulation.providers]}, 404)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
        return self.rfile.read(length) if length > 0 else b""

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while size := int(self.rfile.readline(100).split(b";")[0] or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(10)
        while self.rfile.readline(65_536).strip():
            pass  # trailers
        return b"".join(parts)

    def _whole(self, reply: Reply) -> None:
        wire.send_whole(self.connection, reply, with_body=self.command != "HEAD")

    def _send(self, handled: Handled, pause: Pause) -> None:
        rule = handled.rule
        if rule is None or rule.kind not in _CONNECTION_FAULTS:
            self._whole(handled.reply)
            return
        self.close_connection = True
        self._break(handled, rule, pause)

    def _break(self, handled: Handled, rule: Rule, pause: Pause) -> None:
        if rule.kind in ("timeout", "close", "reset"):
            handled.entry.status = None
        if rule.kind == "timeout":
            wire.stay_silent(self.connection, rule.delay_seconds or 60.0, pause)
        elif rule.kind == "reset":
            self.server.abort(self.connection)
        elif rule.kind == "truncated":
            wire.send_half(self.connection, handled.reply)
        elif rule.kind == "drip":
            wire.drip(self.connection, handled.reply, rule, pause)
        elif rule.kind == "huge":
            wire.send_huge(self.connection, handled.reply, rule)


_CONNECTION_FAULTS = frozenset({"timeout", "close", "reset", "truncated", "drip", "huge"})


class Sandbox:
    """A running sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server
        self.port = int(server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()

    @property
    def simulation(self) -> Simulation:
        """The simulation that it serves."""
        return self._server.simulation

    def restart(self, simulation: Simulation) -> None:
        """Serves `simulation` from now on, as if newly started; requests under way end and do not change it."""
        before, self._server.simulation = self._server.simulation, simulation
        before.stopping.set()
        self._server.close_all()

    def stop(self) -> None:
        """Stops serving, closes every connection, frees the port. Idempotent."""
        if self.simulation.stopping.is_set():
            return
        self.simulation.stopping.set()
        self._server.wake()
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()


def start(port: int = 0, simulation: Simulation | None = None) -> Sandbox:
    """Starts a sandbox on 127.0.0.1 in threads of this process; port 0 takes a free one."""
    return Sandbox(SandboxServer(port, simulation or Simulation()))
