"""Time controlled by a test: it stands still until a server under test moves it, and then moves at once."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable

from chalicelib.providers.transport.exchange import Timing

LONGEST_PAUSE = 20.0
"""Seconds. Budgets of calls that are to run out must be shorter."""
_POLL_SECONDS = 0.005
_STUCK_SECONDS = 60.0


class OwnTime:
    """Give `timing` to a transport and `pause` to the servers that it calls: no timeout and no delay is waited for.

    However slow the machine is, a call ends by its deadline exactly where a server has let that much time pass.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1000.0
        self._paused = threading.local()
        self.timing = Timing(self.monotonic, self._limit_read)

    def monotonic(self) -> float:
        """Return the present moment in seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        with self._lock:
            self._now += seconds

    def pause(self, seconds: float) -> bool:
        """Move time by so many seconds at once; for servers that serve each connection on a thread of its own.

        True once a thread has paused for `LONGEST_PAUSE` in all: a slow answer never becomes complete, so that no
        client can read all of it before it checks the clock.
        """
        self._paused.seconds = getattr(self._paused, "seconds", 0.0) + seconds
        self.advance(seconds)
        return bool(self._paused.seconds >= LONGEST_PAUSE)

    def _limit_read(self, sock: socket.socket, seconds: float) -> None:
        """Return once there is something to read. Raises `TimeoutError` as soon as the time has passed."""
        until = self.monotonic() + seconds
        stuck = time.monotonic() + _STUCK_SECONDS
        while not _readable(sock):
            if self.monotonic() >= until:
                raise TimeoutError
            assert time.monotonic() < stuck, "neither an answer came nor did the test's time pass"
        if self.monotonic() >= until:
            raise TimeoutError


def _readable(sock: socket.socket) -> bool:
    decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
    return decrypted or bool(select.select([sock], [], [], _POLL_SECONDS)[0])


def until_others_wait(number: int) -> Callable[[float], bool]:
    """Return a pause of a server that ends once so many threads are in it at the same time, and else fails."""
    come = threading.Semaphore(number - 1)
    all_here = threading.Event()

    def pause(seconds: float) -> bool:
        if not come.acquire(blocking=False):
            all_here.set()
        assert all_here.wait(30), f"fewer than {number} calls were under way at once"
        return False

    return pause
