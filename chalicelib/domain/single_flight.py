"""A cache of one value in which concurrent callers share one load."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .errors import Kind, ProviderError, RelaisError

T = TypeVar("T")
Readings = Callable[[], tuple[float, ...]]
"""Reads one clock or several, in seconds. Age is measured on the clock that advanced most."""


@dataclass(frozen=True, slots=True)
class Cached(Generic[T]):
    """A loaded value. `loaded_at` is read before the load; the repr hides the value, which may be a secret."""

    value: T = field(repr=False)
    loaded_at: tuple[float, ...]
    seconds: float


class SingleFlightCache(Generic[T]):
    """Loads a value on first use, and again once it is `seconds` old or was refused. Thread-safe.

    One thread loads while the others wait; they share its value, or the `RelaisError` that it raised.

    `refresh_seconds` is the minimum interval between loads for a refused value. With `on_stale`, a failed load keeps
    the old value for `stale_seconds`, until the next attempt; `on_stale` is called with the first error of an outage.
    """

    def __init__(
        self,
        label: str,
        clocks: Readings,
        *,
        seconds: float,
        refresh_seconds: float = 0.0,
        stale_seconds: float = 0.0,
        on_stale: Callable[[RelaisError], None] | None = None,
    ) -> None:
        self._label = label
        self._clocks = clocks
        self._seconds = seconds
        self._refresh_seconds = refresh_seconds
        self._stale_seconds = stale_seconds
        self._on_stale = on_stale
        self._lock = threading.Lock()
        self._loads = 0
        self._error: RelaisError | None = None
        self._refreshed_at: tuple[float, ...] | None = None
        self.cached: Cached[T] | None = None

    def get(
        self, load: Callable[[], T], *, timeout: float | None = None, refused: Cached[T] | None = None
    ) -> Cached[T]:
        """Returns the cached value; loads one if there is none, it is too old, or it is `refused`, found to be wrong.

        Waits at most `timeout` seconds for another thread's load, then raises `ProviderError` (later). Raises what
        `load` raises.
        """
        loads = self._loads
        cached = self._usable(refused)
        if cached is not None:
            return cached
        if not self._lock.acquire(timeout=-1 if timeout is None else max(timeout, 0.0)):
            raise ProviderError(Kind.LATER, f"{self._label}: no answer in time")
        try:
            cached = self._usable(refused)
            if cached is not None:
                return cached
            if self._loads != loads and self._error is not None:
                raise self._error
            return self._load(load, refused)
        finally:
            self._lock.release()

    def _usable(self, refused: Cached[T] | None) -> Cached[T] | None:
        cached = self.cached
        if cached is None or self._age(cached.loaded_at) >= cached.seconds:
            return None
        if cached is not refused:
            return cached
        recently = self._refreshed_at is not None and self._age(self._refreshed_at) < self._refresh_seconds
        return cached if recently else None

    def _age(self, then: tuple[float, ...]) -> float:
        return max(now - before for now, before in zip(self._clocks(), then, strict=True))

    def _load(self, load: Callable[[], T], refused: Cached[T] | None) -> Cached[T]:
        now, old = self._clocks(), self.cached
        try:
            self.cached, self._error = Cached(load(), now, self._seconds), None
        except RelaisError as error:
            first, self._error = self._error is None, error
            if old is None or self._on_stale is None:
                raise
            self.cached = Cached(old.value, now, self._stale_seconds)
            if first:
                self._on_stale(error)
        finally:
            # Not before: a refusal that comes during the load waits for its value.
            self._refreshed_at = now if refused is not None else self._refreshed_at
            self._loads += 1
        return self.cached
