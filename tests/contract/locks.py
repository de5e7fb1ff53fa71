"""A lock that tells who waits for it, so that a test need not guess when everybody does."""

from __future__ import annotations

import threading


class CountedLock:
    """A lock that tells how many have asked for it."""

    def __init__(self) -> None:
        self._lock, self._counting, self.asked = threading.Lock(), threading.Lock(), 0
        self.release = self._lock.release

    def acquire(self, timeout: float = -1) -> bool:
        with self._counting:
            self.asked += 1
        return self._lock.acquire(timeout=timeout)
