"""An HTTP/1.1 server for the gateway: a thread a connection, keep-alive, and nothing a client sends ends it."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.http.gateway import MAX_BODY_BYTES, Gateway
from local.http.proxy import HttpAnswer, HttpRequest

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 60.0
_MAX_CONNECTIONS = 256
# What is read and thrown away of a body that is too large, so that its sender gets to read the answer.
_DRAIN_BYTES = 64 * 1024 * 1024


class _TooLarge(Exception):
    """The body is above the gateway's limit."""


class _Unreadable(Exception):
    """What came is no HTTP request."""


class HttpServer(ThreadingHTTPServer):
    """Listens from construction, answers from `start`. Raises OSError when the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.gateway: Gateway | None = None
        self._connections = threading.BoundedSemaphore(_MAX_CONNECTIONS)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def start(self, gateway: Gateway) -> None:
        """Answer through `gateway`, in threads of its own."""
        self.gateway = gateway
        threading.Thread(target=self.serve_forever, args=(0.1,), name="http", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a free place rather than make threads without end."""
        self._connections.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection from its first request to its last."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            _log.exception("the HTTP server failed on a request")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    timeout = _IDLE_SECONDS
    server: HttpServer

    def handle_one_request(self) -> None:
        """Read one request, answer it."""
        self.close_connection = True
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline:
                return
            self._answer()
            self.wfile.flush()
        except TimeoutError:
            self.close_connection = True

    def _answer(self) -> None:
        gateway = self.server.gateway
        if gateway is None:  # listening, and not started yet
            return
        try:
            request = self._read()
        except _TooLarge:
            self._drain()
            self._write(gateway.refuse("REQUEST_TOO_LARGE"))
        except _Unreadable:
            self.close_connection = True
            self._write(gateway.refuse("BAD_REQUEST"))
        else:
            self._write(gateway.handle(request))

    def _read(self) -> HttpRequest:
        self.command = ""  # parse_request sets it; what fails before must not meet the last request's
        if len(self.raw_requestline) > 65536 or not self.parse_request():
            raise _Unreadable
        if self.request_version == "HTTP/0.9" or not self.path.startswith("/"):
            raise _Unreadable  # an absolute target or a CONNECT is for proxies
        return HttpRequest(
            method=self.command,
            target=self.path,
            headers=tuple((name, value.strip()) for name, value in self.headers.items()),
            body=self._body(),
            source_ip=self.client_address[0],
        )

    def _body(self) -> bytes:
        coding = self.headers.get("transfer-encoding", "").strip().lower()
        if coding == "chunked":
            return self._chunks()
        length = self.headers.get("content-length", "0").strip()
        if coding or not length.isdigit():
            raise _Unreadable
        if int(length) > MAX_BODY_BYTES:
            raise _TooLarge
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the client left in the middle of a body")
        return body

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0].strip(), 16)
            except ValueError:
                raise _Unreadable from None
            if size < 0 or len(body) + size > MAX_BODY_BYTES:
                raise _TooLarge
            if size == 0:
                break
            body += self.rfile.read(size)
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass
        return bytes(body)

    def _drain(self) -> None:
        self.close_connection = True
        self.connection.settimeout(0.5)
        length = self.headers.get("content-length", "")
        remaining = min(int(length), _DRAIN_BYTES) if length.isdigit() else _DRAIN_BYTES
        try:
            while remaining > 0 and (chunk := self.rfile.read1(min(remaining, 65536))):
                remaining -= len(chunk)
        except OSError:
            pass

    def _write(self, answer: HttpAnswer) -> None:
        self.request_version = self.protocol_version  # the base class would send no head to what it could not read
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string())
        names = {name.lower() for name, _ in answer.headers}
        for name, value in answer.headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        if "content-type" not in names and answer.body:
            self.send_header("Content-Type", "application/json")  # as the gateway does
        bodiless = answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        if not bodiless:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(answer.body)

    def handle_expect_100(self) -> bool:
        """Tell the client to go on, at once: it is waiting to send its body."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Said by `parse_request`; `_read` gives the answer."""

    def log_message(self, format: str, *args: Any) -> None:
        """The functions log; paths hold tokens and stay out of logs."""
