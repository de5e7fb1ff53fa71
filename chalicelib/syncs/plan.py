"""What of a listing has not been dealt with, for each account that is told of it, and what is looked at first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.leaving import Buckets, digest_of, with_digest
from ..ledger.leavers import Head, LeaverStore

Fingerprints = frozenset[bytes]


class Dealt:
    """One account's side: what of the list has been dealt with for it, bucket by bucket, and what has not."""

    def __init__(self, name: str, head: Head, changed: Iterable[int], *, whole: bool) -> None:
        self.name = name
        self.head = head
        self.changed = frozenset(changed)
        self._whole = whole
        self._stored: dict[int, Fingerprints] = {}
        self.new: dict[int, set[bytes]] = {}

    def look(self, buckets: Buckets, stored: Mapping[int, Fingerprints]) -> None:
        """Take in what is stored of the changed buckets."""
        self._stored.update(stored)
        for number in stored:
            found = set(buckets.of(number) - stored[number])
            if found:
                self.new[number] = found

    def wants(self, bucket: int, fingerprint: bytes) -> bool:
        """Is this row still to be dealt with?"""
        return fingerprint in self.new.get(bucket, ())

    def done(self, bucket: int, fingerprint: bytes) -> None:
        """Count a row as dealt with."""
        self.new.get(bucket, set()).discard(fingerprint)

    def contents(self, numbers: Iterable[int], buckets: Buckets) -> dict[int, Fingerprints]:
        """What some buckets hold now that has been dealt with, where that is not what is stored.

        Rows that are gone drop out, unless the list broke off: then nobody can tell which are.
        """
        held: dict[int, Fingerprints] = {}
        for number in numbers:
            if number not in self._stored:
                continue
            now = buckets.of(number) if self._whole else buckets.of(number) | self._stored[number]
            held[number] = now - self.new.get(number, set())
        return held

    def write(self, store: LeaverStore, source: str, numbers: Iterable[int], buckets: Buckets) -> None:
        """Store what has been dealt with in these buckets."""
        held = self.contents(numbers, buckets)
        store.write_buckets(
            source, self.name, {number: rows for number, rows in held.items() if rows != self._stored[number]}
        )
        digests = self.head.digests
        for number, rows in held.items():
            self._stored[number] = rows
            digests = with_digest(digests, number, digest_of(rows))
        self.head = Head(digests, self.head.begun)


def windows(sides: Iterable[Dealt], most: int) -> Iterator[frozenset[int]]:
    """Buckets with rows to deal with, as many at a time as hold some `most` of them: those with the fewest come first.

    So what came lately goes before a long backlog, which is spread over all buckets alike, and of a backlog some
    buckets are finished while others are not begun, which takes the fewest writes.
    """
    counts: dict[int, int] = {}
    for side in sides:
        for number, rows in side.new.items():
            counts[number] = max(counts.get(number, 0), len(rows))
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
