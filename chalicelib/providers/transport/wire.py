"""Connections that keep a call's deadline, know whether the request has left, and are not reused once they are stale.

urllib3's own connection classes, with three things added that it does not offer:

* its read timeout starts anew with every byte, so a server that drips would hold a worker for hours: here every wait is
  cut to what is left of the call's budget;
* an error's type does not tell whether anything was sent (a reset may come during the TLS handshake or after the
  work was done): here the first byte that leaves is noted;
* a server may close an idle connection just when the next request is under way, and then nobody knows whether it was
  read. Servers commonly wait 5 seconds (Apache's default), so none is reused after `LONGEST_IDLE`.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from http.client import HTTPResponse
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .exchange import SYSTEM_TIMING, Deadline, Timing

LONGEST_IDLE = 4.0
_SLICE = 64 * 1024
_on_this_thread = threading.local()


class Attempt:
    """What is known of the request under way on this thread. A context manager round sending and reading."""

    def __init__(self, deadline: Deadline, read_timeout: float, timing: Timing = SYSTEM_TIMING) -> None:
        self.sent = False
        self._deadline = deadline
        self._patience = read_timeout
        self._timing = timing

    def __enter__(self) -> Self:
        _on_this_thread.attempt = self
        return self

    def __exit__(self, *_: object) -> None:
        _on_this_thread.attempt = None

    def wait(self) -> float:
        """Seconds that the next wait on the socket may last. Raises `TimeoutError` when there are none."""
        seconds = min(self._patience, self._deadline.left())
        if seconds <= 0:
            raise TimeoutError("the call's time is over")
        return seconds

    def limit_read(self, sock: socket.socket) -> None:
        """Let the next read from the socket wait no longer than that. Raises `TimeoutError` like `wait`."""
        self._timing.limit_read(sock, self.wait())


def _attempt() -> Attempt:
    attempt: Attempt = _on_this_thread.attempt
    return attempt


class _TimedReader(io.RawIOBase):
    """The reading side of a socket; every read waits only as long as the attempt allows."""

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self._sock = sock
        self._attempt = attempt
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._attempt.limit_read(self._sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """http.client's response, reading through a `_TimedReader`: headers and body alike keep the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, _attempt()), _SLICE)


class _Watched(HTTPConnection):
    """What both kinds of connection share; see the module's docstring."""

    response_class = _TimedResponse
    _used = (0.0, 0.0)

    @property
    def is_connected(self) -> bool:
        """May this pooled connection be used again? urllib3 asks before it does, and connects anew if not.

        Both clocks are read because the monotonic one may stand still while a Lambda instance is frozen.
        """
        idle = max(time.monotonic() - self._used[0], time.time() - self._used[1])
        return idle < LONGEST_IDLE and super().is_connected

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        attempt = _attempt()
        # Slices, so that a server that reads slowly meets the deadline too.
        for start in range(0, len(data), _SLICE):
            self.sock.settimeout(attempt.wait())
            attempt.sent = True
            super().send(data[start : start + _SLICE])

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used = (time.monotonic(), time.time())
        return response


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same over TLS."""


class Pool(HTTPConnectionPool):
    """Connections to one host."""

    ConnectionCls = _Watched


class PoolTLS(HTTPSConnectionPool):
    """Connections to one host over TLS."""

    ConnectionCls = _WatchedTLS
