"""A value that is had from the provider once for everybody who needs it, and kept for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...domain.errors import Kind, ProviderError
from ..transport.exchange import Deadline

T = TypeVar("T")
Clocks = Callable[[], tuple[float, ...]]
"""Readings, in seconds, of one clock or several. The one on which most time has passed counts."""


def both_clocks() -> tuple[float, ...]:
    """The monotonic clock, which may stand still while a Lambda instance is frozen, and the wall clock, which jumps."""
    return time.monotonic(), time.time()


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A value and when it began to be made. Its repr shows nothing of it, for it may be a secret."""

    value: T = field(repr=False)
    since: tuple[float, ...]


class Kept(Generic[T]):
    """Makes a value when it is first needed and again when it is too old or no good; safe to use from several threads.

    `make(fresh, deadline)` has the value, or raises `ProviderError`; `fresh` says that the last one was no good. One
    thread makes it while the others wait: they share its value, and its failure too.
    """

    def __init__(
        self, label: str, make: Callable[[bool, Deadline], T], *, seconds: float, clocks: Clocks = both_clocks
    ) -> None:
        self._label = label
        self._make = make
        self._seconds = seconds
        self._clocks = clocks
        self._lock = threading.Lock()
        self._made: Made[T] | None = None
        self._failed: tuple[float, ProviderError] | None = None

    def get(self, deadline: Deadline) -> Made[T]:
        """The value that is kept, or a new one. Raises what `make` raises, and LATER if the wait takes too long."""
        return self._usable(None) or self._once(None, deadline)

    def anew(self, refused: Made[T], deadline: Deadline) -> Made[T]:
        """A value other than `refused`: new, unless another thread has made one meanwhile. Raises as `get` does."""
        return self._usable(refused) or self._once(refused, deadline)

    def _usable(self, refused: Made[T] | None) -> Made[T] | None:
        """What is kept, if it is neither `refused` nor too old."""
        made = self._made
        if made is None or made is refused:
            return None
        passed = max(now - then for now, then in zip(self._clocks(), made.since, strict=True))
        return made if passed < self._seconds else None

    def _once(self, refused: Made[T] | None, deadline: Deadline) -> Made[T]:
        asked = time.monotonic()
        if not self._lock.acquire(timeout=max(deadline.left(), 0.0)):
            raise ProviderError(Kind.LATER, f"{self._label}: no answer in time")
        try:
            made = self._usable(refused)
            if made is not None:
                return made
            if self._failed is not None and self._failed[0] > asked:
                raise self._failed[1]
            return self._make_now(refused is not None, deadline)
        finally:
            self._lock.release()

    def _make_now(self, fresh: bool, deadline: Deadline) -> Made[T]:
        since = self._clocks()
        try:
            self._made = Made(self._make(fresh, deadline), since)
        except ProviderError as error:
            self._failed = (time.monotonic(), error)
            raise
        return self._made
