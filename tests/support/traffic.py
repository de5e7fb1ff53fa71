"""Counts running invocations: a clock is moved only while there is none.

A lease ends some seconds after its invocation, by the clocks of other workers. Clocks in Lambda are accurate to
fractions of a second; a jump of an hour within an invocation would end leases of running workers, which never happens.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Closed(Exception):
    """No invocation may begin any more."""


class Traffic:
    """Counts invocations, and delays new ones while the clock is moved."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._begun = 0
        self._stopped = False
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one invocation as running within the block. Raises Closed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stopped)
            if self._closed:
                raise Closed
            self._running += 1
            self._begun += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def none(self) -> Iterator[None]:
        """Wait until no invocation runs, and let none begin within the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stopped)
            self._stopped = True
            self._changed.wait_for(lambda: not self._running)
        try:
            yield
        finally:
            with self._changed:
                self._stopped = False
                self._changed.notify_all()

    def counts(self) -> tuple[int, int]:
        """Return how many invocations run, and how many there have been."""
        with self._changed:
            return self._running, self._begun

    def close(self) -> None:
        """Let no new invocation begin."""
        with self._changed:
            self._closed = True

    def open(self) -> None:
        """Let them begin again."""
        with self._changed:
            self._closed = False

    def ended(self, seconds: float) -> bool:
        """Return whether all invocations end within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)
