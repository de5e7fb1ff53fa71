"""Records which rows of a provider's unsubscribe list are processed, for each target account.

One item holds the digests of all buckets of fingerprints, so that an unchanged list costs the same few reads whatever
its length; one item a bucket holds the fingerprints themselves, and is read and written only where its digest changed.
The buckets are authoritative: after a crash before the digests were written, the next worker reads the bucket again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.attributes import Attributes, Milliseconds, strictly, well_formed
from ..ledger.table import Key, Table
from .rules import BUCKETS, EMPTY_DIGEST, FINGERPRINT_BYTES, Buckets, digest_of, joined, split, with_digest

NOTHING_KNOWN = EMPTY_DIGEST * BUCKETS


@dataclass(frozen=True, slots=True)
class Head:
    """The digests of all buckets as processed for one account, and whether its baseline has been taken."""

    digests: bytes = NOTHING_KNOWN
    begun: bool = False
    """Set once the baseline is taken: rows new from then on are propagated."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of an account's list as a whole. `failing_since` is set while it cannot be read (ms)."""

    key: str | None = None
    """The fingerprint of the address key that the rows are hashed with."""
    version: int = 0
    lease_until: int = 0
    failing_since: int | None = None
    heads: Mapping[str, Head] = field(default_factory=dict)


class SyncStateStore:
    """Reads and writes these items; one worker at a time writes those of an account.

    All methods raise LedgerUnavailable.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, account: str, targets: Iterable[str]) -> SourceState:
        """Reads the state of the list of `account` for `targets`: a few items, read consistently.

        A malformed head counts as a list of which nothing is processed: the buckets are read again.
        """
        keys = {name: _head_key(account, name) for name in targets}
        found = self._table.get_many([_source_key(account), *keys.values()])
        heads = {
            name: (well_formed(_head_from, found[key]) or Head(begun=True)) if key in found else Head()
            for name, key in keys.items()
        }
        return strictly(lambda item: _source_from(item, heads), found.get(_source_key(account), {}))

    def claim(self, account: str, seen: SourceState, key: str, now: datetime, until: datetime) -> bool:
        """Claims the list until `until`; False if another worker has it, or had it since `seen` was read."""
        values = {"next": seen.version + 1, "until": to_ms(until), "now": to_ms(now), "key": key}
        same = "attribute_not_exists(#version)"
        if seen.version:
            same, values = "#version = :seen", {**values, "seen": seen.version}
        return self._table.try_update(
            _source_key(account),
            "SET #version = :next, lease_until = :until, #key = :key",
            values,
            condition=f"{same} AND NOT lease_until > :now",
            names={"version": "version", "key": "key"},
        )

    def release(self, account: str, seen: SourceState) -> None:
        """Releases the list that was claimed with `seen`."""
        self._table.try_update(
            _source_key(account),
            "REMOVE lease_until",
            {"mine": seen.version + 1},
            condition="#version = :mine",
            names={"version": "version"},
        )

    def buckets(self, account: str, target: str, numbers: Iterable[int]) -> dict[int, bytes]:
        """Reads the joined fingerprints of some buckets; a malformed bucket counts as empty."""
        keys = {_bucket_key(account, target, number): number for number in numbers}
        found = self._table.get_many(keys)
        return {number: well_formed(_rows_from, found.get(key, {})) or b"" for key, number in keys.items()}

    def write_buckets(self, account: str, target: str, contents: Mapping[int, bytes]) -> None:
        """Replaces the content of these buckets by these joined fingerprints."""

        def write(number: int) -> None:
            rows, key = contents[number], _bucket_key(account, target, number)
            change, values = ("SET #rows = :rows", {"rows": rows}) if rows else ("REMOVE #rows", None)
            self._table.update(key, change, values, names={"rows": "rows"})

        self._table.in_parallel(write, contents)

    def write_head(self, account: str, target: str, head: Head) -> None:
        """Replaces the digests of all buckets."""
        values: dict[str, Any] = {"digests": head.digests, "begun": head.begun}
        self._table.update(_head_key(account, target), "SET digests = :digests, begun = :begun", values)

    def record_failing(self, account: str, since: datetime) -> int:
        """Records that the list cannot be read, if not recorded yet; returns since when (ms)."""
        change = "SET failing_since = if_not_exists(failing_since, :since)"
        item = self._table.update(_source_key(account), change, {"since": to_ms(since)})
        return strictly(lambda attributes: attributes.required("failing_since", Milliseconds), item)

    def record_read(self, account: str) -> None:
        """Records that the list can be read again."""
        self._table.update(_source_key(account), "REMOVE failing_since")


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
        """Finds the unprocessed rows of some changed buckets from their stored content."""
        self._stored.update(stored)
        for number, content in stored.items():
            found = buckets.of(number) - split(content)
            if found:
                self._new[number] = joined(found)

    def counts(self) -> dict[int, int]:
        """Returns the number of unprocessed rows by bucket."""
        return {number: len(content) // FINGERPRINT_BYTES for number, content in self._new.items()}

    def new(self, number: int) -> frozenset[bytes]:
        """Returns the unprocessed rows of a bucket."""
        return split(self._new.get(number, b""))

    def open(self, numbers: Iterable[int]) -> None:
        """Starts processing some buckets; `write` ends it."""
        self._open = {number: set(self.new(number)) for number in numbers}

    def wants(self, bucket: int, fingerprint: bytes) -> bool:
        """Returns whether this row of an open bucket is unprocessed."""
        return fingerprint in self._open.get(bucket, ())

    def done(self, bucket: int, fingerprint: bytes) -> None:
        """Marks a row of an open bucket as processed."""
        self._open.get(bucket, set()).discard(fingerprint)

    def all_done(self, numbers: Iterable[int]) -> None:
        """Marks all rows of some buckets as processed."""
        for number in numbers:
            self._new.pop(number, None)

    def write(self, store: SyncStateStore, source: str, numbers: Iterable[int], buckets: Buckets) -> None:
        """Stores the processed rows of these buckets where they changed."""
        for number, unprocessed in self._open.items():
            self._new.pop(number, None)
            if unprocessed:
                self._new[number] = joined(unprocessed)
        self._open = {}
        processed = {number: self._processed(number, buckets) for number in numbers if number in self._stored}
        store.write_buckets(
            source, self.name, {number: rows for number, rows in processed.items() if rows != self._stored[number]}
        )
        digests = self.head.digests
        for number, rows in processed.items():
            self._stored[number] = rows
            digests = with_digest(digests, number, digest_of(rows))
        self.head = Head(digests, self.head.begun)

    def _processed(self, number: int, buckets: Buckets) -> bytes:
        """Returns the processed rows without removed ones; of an incomplete list none count as removed."""
        now = buckets.of(number) if self._whole else buckets.of(number) | split(self._stored[number])
        return joined(now - self.new(number))


def windows(states: Iterable[SyncState], most: int) -> Iterator[frozenset[int]]:
    """Yields sets of buckets with about `most` unprocessed rows in total, buckets with the fewest rows first.

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


def _source_key(account: str) -> Key:
    return f"S#{account}", "unsubscribes"


def _head_key(account: str, target: str) -> Key:
    return f"S#{account}", f"unsubscribes#{target}"


def _bucket_key(account: str, target: str, number: int) -> Key:
    """One partition a bucket: a partition takes 1,000 writes a second."""
    return f"S#{account}#unsubscribes#{number:03x}", target


def _source_from(item: Attributes, heads: Mapping[str, Head]) -> SourceState:
    return SourceState(
        key=item.optional("key", str),
        version=item.optional("version", int) or 0,
        lease_until=item.optional("lease_until", Milliseconds) or 0,
        failing_since=item.optional("failing_since", Milliseconds),
        heads=heads,
    )


def _head_from(item: Attributes) -> Head:
    digests = item.binary("digests")
    if len(digests) != len(NOTHING_KNOWN):
        raise item.malformed("digests", "is of another length")
    return Head(digests, item.required("begun", bool))


def _rows_from(item: Attributes) -> bytes:
    rows = item.binary("rows")
    if len(rows) % FINGERPRINT_BYTES:
        raise item.malformed("rows", "is of another length")
    return rows
