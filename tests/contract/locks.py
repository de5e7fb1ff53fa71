"""A lock that counts its waiting threads, so that a test knows when all of them wait."""

from __future__ import annotations

import threading


class CountedLock:
    """A lock that counts the threads that have requested it."""

    def __init__(self) -> None:
        self._lock, self._counting, self.asked = threading.Lock(), threading.Lock(), 0
        self.release = self._lock.release

    def acquire(self, timeout: float = -1) -> bool:
        with self._counting:
            self.asked += 1
        return self._lock.acquire(timeout=timeout)
