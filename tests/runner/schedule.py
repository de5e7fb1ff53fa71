"""Who runs which test next: modules stay together while there are enough of them, then they are split."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Schedule:
    """Assigns tests, numbered by the caller, to workers.

    A worker runs one group from its start, since tests of a module share fixtures. When no untouched group is left, it
    takes the second half of the group with most remaining tests.
    """

    def __init__(self, groups: Iterable[Sequence[int]]) -> None:
        self._untouched = deque(deque(group) for group in groups if group)
        self._current: dict[int, deque[int]] = {}

    def next(self, worker: int) -> int | None:
        """Return the test that `worker` is to run next; None when every test is taken."""
        group = self._current.get(worker)
        if not group:
            group = self._current[worker] = (
                self._untouched.popleft() if self._untouched else self._half_of_the_largest()
            )
        return group.popleft() if group else None

    def _half_of_the_largest(self) -> deque[int]:
        largest = max(self._current.values(), key=len, default=deque[int]())
        half = [largest.pop() for _ in range((len(largest) + 1) // 2)]
        return deque(reversed(half))


def in_order(groups: Iterable[tuple[str, Sequence[T]]], folders: Sequence[str]) -> list[Sequence[T]]:
    """Sort groups, each with its folder's name, by the place of the folder in `folders`; unknown folders come last."""
    places = {folder: place for place, folder in enumerate(folders)}
    return [group for _, group in sorted(groups, key=lambda named: places.get(named[0], len(places)))]
