"""Tracks which rows of a list are unprocessed for each target account, and in which order to process them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .rules import SIZE, Buckets, digest_of, joined, split, with_digest
from .state_store import Head, SyncStateStore


class SyncState:
    """Processed and unprocessed rows of the list for one target account, by bucket.

    Fingerprints are stored joined, because sets of a million rows take fifteen times as much memory; only the buckets
    being processed (`open`) are sets.
    """

    def __init__(self, name: str, head: Head, changed: Iterable[int], *, whole: bool) -> None:
        self.name = name
        self.head = head
        self.changed = frozenset(changed)
        self._whole = whole
        self._stored: dict[int, bytes] = {}
        self._new: dict[int, bytes] = {}
        self._open: dict[int, set[bytes]] = {}

    def compare(self, buckets: Buckets, stored: Mapping[int, bytes]) -> None:
        """Find the unprocessed rows of some changed buckets from their stored content."""
        self._stored.update(stored)
        for number, content in stored.items():
            found = buckets.of(number) - split(content)
            if found:
                self._new[number] = joined(found)

    def counts(self) -> dict[int, int]:
        """Return the number of unprocessed rows by bucket."""
        return {number: len(content) // SIZE for number, content in self._new.items()}

    def new(self, number: int) -> frozenset[bytes]:
        """Return the unprocessed rows of a bucket."""
        return split(self._new.get(number, b""))

    def open(self, numbers: Iterable[int]) -> None:
        """Start processing some buckets; `write` ends it."""
        self._open = {number: set(self.new(number)) for number in numbers}

    def wants(self, bucket: int, fingerprint: bytes) -> bool:
        """Return whether this row of an open bucket is unprocessed."""
        return fingerprint in self._open.get(bucket, ())

    def done(self, bucket: int, fingerprint: bytes) -> None:
        """Mark a row of an open bucket as processed."""
        self._open.get(bucket, set()).discard(fingerprint)

    def all_done(self, numbers: Iterable[int]) -> None:
        """Mark all rows of some buckets as processed."""
        for number in numbers:
            self._new.pop(number, None)

    def write(self, store: SyncStateStore, source: str, numbers: Iterable[int], buckets: Buckets) -> None:
        """Store the processed rows of these buckets where they changed."""
        self._close()
        processed = {number: self._processed(number, buckets) for number in numbers if number in self._stored}
        store.write_buckets(
            source, self.name, {number: rows for number, rows in processed.items() if rows != self._stored[number]}
        )
        digests = self.head.digests
        for number, rows in processed.items():
            self._stored[number] = rows
            digests = with_digest(digests, number, digest_of(rows))
        self.head = Head(digests, self.head.begun)

    def _close(self) -> None:
        for number, rows in self._open.items():
            self._new.pop(number, None)
            if rows:
                self._new[number] = joined(rows)
        self._open = {}

    def _processed(self, number: int, buckets: Buckets) -> bytes:
        """Return the processed rows without removed ones; of an incomplete list none count as removed."""
        now = buckets.of(number) if self._whole else buckets.of(number) | split(self._stored[number])
        return joined(now - self.new(number))


def windows(states: Iterable[SyncState], most: int) -> Iterator[frozenset[int]]:
    """Yield sets of buckets with about `most` unprocessed rows in total, buckets with the fewest rows first.

    So recent rows go before a long backlog, which is spread evenly over all buckets; and of a backlog, some buckets
    are finished before others are started, which takes the fewest writes.
    """
    counts: dict[int, int] = {}
    for state in states:
        for number, count in state.counts().items():
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
