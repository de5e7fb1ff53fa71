"""Sorted rows of a table or an index: partitions, each in the order of its sort keys, and an order of partitions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from hashlib import md5
from itertools import islice
from typing import Any

Entry = tuple[Any, ...]
"""A row: the sort key's value, and in an index also the table's key."""

_TOKENS = 1 << 64
_FEW = 32


class _Top:
    """Greater than every other value."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


TOP: Any = _Top()


class Rows:
    """Entries by partition key."""

    def __init__(self) -> None:
        self.partitions: dict[Any, list[Entry]] = {}
        self._order: list[tuple[int, Any]] = []
        self._new: set[Any] = set()
        self._gone: set[Any] = set()

    def add(self, hash_key: Any, entry: Entry) -> None:
        """Adds a new entry."""
        entries = self.partitions.get(hash_key)
        if entries is not None:
            insort(entries, entry)
            return
        self.partitions[hash_key] = [entry]
        if hash_key in self._gone:
            self._gone.discard(hash_key)
        else:
            self._new.add(hash_key)

    def remove(self, hash_key: Any, entry: Entry) -> None:
        """Removes an existing entry."""
        entries = self.partitions[hash_key]
        del entries[bisect_left(entries, entry)]
        if entries:
            return
        del self.partitions[hash_key]
        if hash_key in self._new:
            self._new.discard(hash_key)
        else:
            self._gone.add(hash_key)

    def bounds(self, hash_key: Any, operator: str | None, values: tuple[Any, ...]) -> tuple[int, int]:
        """Returns where the entries of a partition begin and end whose sort keys fulfil a condition."""
        entries = self.partitions.get(hash_key, [])
        match operator:
            case None:
                return 0, len(entries)
            case "=":
                return _left(entries, values[0]), _right(entries, values[0])
            case "<":
                return 0, _left(entries, values[0])
            case "<=":
                return 0, _right(entries, values[0])
            case ">":
                return _right(entries, values[0]), len(entries)
            case ">=":
                return _left(entries, values[0]), len(entries)
            case "BETWEEN":
                return _left(entries, values[0]), _right(entries, values[1])
            case _:
                start = _left(entries, values[0])
                differs = bisect_left(entries, True, lo=start, key=lambda entry: not entry[0].startswith(values[0]))
                return start, differs

    def partition(
        self, hash_key: Any, bounds: tuple[int, int], forward: bool, after: Entry | None
    ) -> Iterator[tuple[Any, Entry]]:
        """Yields entries of a partition within bounds, from the one after `after` on, in either direction."""
        entries = self.partitions.get(hash_key, [])
        start, end = bounds
        if after is not None:
            if forward:
                start = max(start, bisect_right(entries, after))
            else:
                end = min(end, bisect_left(entries, after))
        places = range(start, end) if forward else range(end - 1, start - 1, -1)
        return ((hash_key, entries[place]) for place in places)

    def everything(self, segment: int, segments: int, after: tuple[Any, Entry] | None) -> Iterator[tuple[Any, Entry]]:
        """Yields the entries of a segment, partition by partition, from the one after `after` on."""
        order = self._ordered()
        low, high = segment * _TOKENS // segments, (segment + 1) * _TOKENS // segments
        start, end = bisect_left(order, (low,)), bisect_left(order, (high,))
        if after is not None:
            start = max(start, bisect_left(order, (_token(after[0]), after[0])))
        for _, hash_key in islice(order, start, end):
            entries = self.partitions[hash_key]
            first = bisect_right(entries, after[1]) if after is not None and after[0] == hash_key else 0
            for place in range(first, len(entries)):
                yield hash_key, entries[place]

    def _ordered(self) -> list[tuple[int, Any]]:
        """Returns the partitions in the order of a hash of their keys, like DynamoDB."""
        order = self._order
        if len(self._new) + len(self._gone) > _FEW:
            self._order = order = sorted((_token(key), key) for key in self.partitions)
        else:
            for key in self._gone:
                del order[bisect_left(order, (_token(key), key))]
            for key in self._new:
                insort(order, (_token(key), key))
        self._new.clear()
        self._gone.clear()
        return order


def _token(key: Any) -> int:
    data = key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogatepass")
    return int.from_bytes(md5(data, usedforsecurity=False).digest()[:8])


def _left(entries: list[Entry], value: Any) -> int:
    return bisect_left(entries, (value,))


def _right(entries: list[Entry], value: Any) -> int:
    return bisect_right(entries, (value, TOP))
