"""What of a listing has not been dealt with, for each account that is told of it, and what is looked at first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .rules import SIZE, Buckets, digest_of, joined, split, with_digest
from .state_store import Head, SyncStateStore


class SyncState:
    """One account's side: what of the list has been dealt with for it, bucket by bucket, and what has not.

    Fingerprints are kept joined, for as sets those of a million rows take fifteen times as much; only of the buckets
    that are being looked at (`open`) they are sets.
    """

    def __init__(self, name: str, head: Head, changed: Iterable[int], *, whole: bool) -> None:
        self.name = name
        self.head = head
        self.changed = frozenset(changed)
        self._whole = whole
        self._stored: dict[int, bytes] = {}
        self._new: dict[int, bytes] = {}
        self._open: dict[int, set[bytes]] = {}

    def look(self, buckets: Buckets, stored: Mapping[int, bytes]) -> None:
        """Take in what is stored of some of the changed buckets."""
        self._stored.update(stored)
        for number, content in stored.items():
            found = buckets.of(number) - split(content)
            if found:
                self._new[number] = joined(found)

    def counts(self) -> dict[int, int]:
        """How many rows are still to be dealt with, by bucket."""
        return {number: len(content) // SIZE for number, content in self._new.items()}

    def new(self, number: int) -> frozenset[bytes]:
        """The rows of a bucket that are still to be dealt with."""
        return split(self._new.get(number, b""))

    def open(self, numbers: Iterable[int]) -> None:
        """Begin to look at some buckets; `write` ends it."""
        self._open = {number: set(self.new(number)) for number in numbers}

    def wants(self, bucket: int, fingerprint: bytes) -> bool:
        """Is this row of an open bucket still to be dealt with?"""
        return fingerprint in self._open.get(bucket, ())

    def done(self, bucket: int, fingerprint: bytes) -> None:
        """Count a row of an open bucket as dealt with."""
        self._open.get(bucket, set()).discard(fingerprint)

    def all_done(self, numbers: Iterable[int]) -> None:
        """Count all rows of some buckets as dealt with."""
        for number in numbers:
            self._new.pop(number, None)

    def write(self, store: SyncStateStore, source: str, numbers: Iterable[int], buckets: Buckets) -> None:
        """Store what has been dealt with in these buckets, where that is not what is stored."""
        self._close()
        held = {number: self._dealt_with(number, buckets) for number in numbers if number in self._stored}
        store.write_buckets(
            source, self.name, {number: rows for number, rows in held.items() if rows != self._stored[number]}
        )
        digests = self.head.digests
        for number, rows in held.items():
            self._stored[number] = rows
            digests = with_digest(digests, number, digest_of(rows))
        self.head = Head(digests, self.head.begun)

    def _close(self) -> None:
        for number, rows in self._open.items():
            self._new.pop(number, None)
            if rows:
                self._new[number] = joined(rows)
        self._open = {}

    def _dealt_with(self, number: int, buckets: Buckets) -> bytes:
        """Rows that are gone drop out, unless the list broke off: then nobody can tell which are."""
        now = buckets.of(number) if self._whole else buckets.of(number) | split(self._stored[number])
        return joined(now - self.new(number))


def windows(sides: Iterable[SyncState], most: int) -> Iterator[frozenset[int]]:
    """Buckets with rows to deal with, as many at a time as hold some `most` of them: those with the fewest come first.

    So what came lately goes before a long backlog, which is spread over all buckets alike, and of a backlog some
    buckets are finished while others are not begun, which takes the fewest writes.
    """
    counts: dict[int, int] = {}
    for side in sides:
        for number, count in side.counts().items():
            counts[number] = max(counts.get(number, 0), count)
    window: set[int] = set()
    size = 0
    for number in sorted(counts, key=lambda one: (counts[one], one)):
        if window and size + counts[number] > most:
            yield frozenset(window)
            window, size = set(), 0
        window.add(number)
        size += counts[number]
    if window:
        yield frozenset(window)
