"""Connections that keep a call's deadline, record whether the request has left, and are not reused once stale.

urllib3's own connection classes, with four additions:

* its read timeout starts anew with every byte, so a server that drips would hold a worker for hours: here every wait is
  limited to what is left of the call's budget;
* an error's type does not say whether anything was sent (a reset may come during the TLS handshake or after the work
  was done): here the first byte that leaves is recorded;
* a server may close an idle connection just when the next request is under way, and then nobody knows whether it was
  read. Servers commonly wait 5 seconds (Apache's default), so none is reused after `LONGEST_IDLE`;
* where a call asks for it, the host's addresses are checked, and the connection is made to one of those that were
  checked: the name is not resolved again (DNS rebinding).
"""

from __future__ import annotations

import io
import socket
import threading
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from .exchange import SLICE_BYTES, SYSTEM_TIMING, Deadline, Timing
from .ssrf_guard import Resolve, check_addresses, resolve

LONGEST_IDLE = 4.0
_this_thread = threading.local()
"""Its `attempt` is the `Attempt` begun last on the thread."""


@dataclass(slots=True)
class Attempt:
    """One request and the reading of its answer; the connections of a thread keep to the attempt begun last on it."""

    deadline: Deadline
    read_timeout: float
    timing: Timing = SYSTEM_TIMING
    sent: bool = False
    sent_from: str | None = None
    """This machine's own address on the connection, once something was sent."""
    allow_private: bool | None = None
    """As that of the call: whether, and how, the host's addresses are checked."""
    resolve: Resolve = resolve

    def begin(self) -> None:
        """Begins the attempt on this thread, before its request is sent."""
        _this_thread.attempt = self

    def longest_wait(self) -> float:
        """Returns how many seconds the next wait on the socket may last. Raises `TimeoutError` when none are left."""
        seconds = min(self.read_timeout, self.deadline.left())
        if seconds <= 0:
            raise TimeoutError("the call's budget is used up")
        return seconds


class _TimedReader(io.RawIOBase):
    """The reading side of a socket; every read waits only as long as the attempt allows."""

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self._sock = sock
        self._attempt = attempt
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._attempt.timing.limit_read(self._sock, self._attempt.longest_wait())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """http.client's response, read through a `_TimedReader`, so that headers and body alike keep the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, _this_thread.attempt), SLICE_BYTES)


class _TimedConnection(HTTPConnection):
    """The additions of both kinds of connection; see the module's docstring."""

    response_class = _TimedResponse
    _used = (0.0, 0.0)

    @property
    def is_connected(self) -> bool:
        """True if this pooled connection may be used again; urllib3 reads it first, and connects anew if not.

        Reads both clocks because the monotonic one may stand still while a Lambda instance is frozen.
        """
        idle = max(time.monotonic() - self._used[0], time.time() - self._used[1])
        return idle < LONGEST_IDLE and super().is_connected

    def _new_conn(self) -> socket.socket:
        """Connects; to a checked address if the attempt asks for it. Raises `ForbiddenAddress`."""
        attempt: Attempt = _this_thread.attempt
        if attempt.allow_private is None:
            return super()._new_conn()
        host = self._dns_host
        try:
            addresses = attempt.resolve(host.strip("[]"), self.port)
        except socket.gaierror as error:
            raise NameResolutionError(host, self, error) from error
        check_addresses(addresses, allow_private=attempt.allow_private)
        failure: Exception = NewConnectionError(self, "the host has no address")
        for address in addresses:
            self._dns_host = address
            try:
                return super()._new_conn()
            except (NewConnectionError, ConnectTimeoutError) as error:
                failure = error
            finally:
                self._dns_host = host  # the name is for TLS and the Host header
        raise failure

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        attempt: Attempt = _this_thread.attempt
        # In slices, so that the deadline also holds with a server that reads slowly.
        for start in range(0, len(data), SLICE_BYTES):
            self.sock.settimeout(attempt.longest_wait())
            if not attempt.sent:
                attempt.sent, attempt.sent_from = True, str(self.sock.getsockname()[0])
            super().send(data[start : start + SLICE_BYTES])

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used = (time.monotonic(), time.time())
        return response


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    """The same over TLS."""


class HttpPool(HTTPConnectionPool):
    """Connections to one host."""

    ConnectionCls = _TimedConnection


class HttpsPool(HTTPSConnectionPool):
    """Connections to one host over TLS."""

    ConnectionCls = _TimedTlsConnection
