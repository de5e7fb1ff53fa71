"""Stores which rows of a provider's unsubscribe list are processed, for each target account.

One item holds the digests of all buckets of fingerprints, so that an unchanged list costs the same few reads whatever
its length; one item a bucket holds the fingerprints themselves, and is read and written only where its digest changed.
The buckets are authoritative: a digest that a crash left unwritten only makes the next worker read the bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.table import ConditionFailed, Key, Table
from .rules import BUCKETS, EMPTY

NOTHING_KNOWN = EMPTY * BUCKETS


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
    """Reads and writes these items; one worker at a time writes those of an account."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, account: str, targets: Iterable[str]) -> SourceState:
        """Read the state of the list of `account` for `targets`: a few items, read consistently."""
        names = list(targets)
        found = self._table.get_many([_source_key(account), *(_head_key(account, name) for name in names)])
        item = found.get(_source_key(account), {})
        heads = {name: _head_from(found.get(_head_key(account, name), {})) for name in names}
        return SourceState(
            key=item.get("key"),
            version=item.get("version", 0),
            lease_until=item.get("lease_until", 0),
            failing_since=item.get("failing_since"),
            heads=heads,
        )

    def claim(self, account: str, seen: SourceState, key: str, now: datetime, until: datetime) -> bool:
        """Claim the list until then; False if another worker has it, or had it since `seen` was read."""
        values = {"next": seen.version + 1, "until": to_ms(until), "now": to_ms(now), "key": key}
        same = "attribute_not_exists(#version)"
        if seen.version:
            same, values = "#version = :seen", {**values, "seen": seen.version}
        try:
            self._table.update(
                _source_key(account),
                "SET #version = :next, lease_until = :until, #key = :key",
                values,
                condition=f"{same} AND (attribute_not_exists(lease_until) OR lease_until <= :now)",
                names={"version": "version", "key": "key"},
            )
        except ConditionFailed:
            return False
        return True

    def release(self, account: str, seen: SourceState) -> None:
        """Release the list that was claimed with `seen`."""
        try:
            self._table.update(
                _source_key(account),
                "REMOVE lease_until",
                {"mine": seen.version + 1},
                condition="#version = :mine",
                names={"version": "version"},
            )
        except ConditionFailed:
            return

    def buckets(self, account: str, target: str, numbers: Iterable[int]) -> dict[int, bytes]:
        """Read the joined fingerprints of some buckets."""
        keys = {_bucket_key(account, target, number): number for number in numbers}
        found = self._table.get_many(keys)
        return {number: bytes(found.get(key, {}).get("rows", b"")) for key, number in keys.items()}

    def write_buckets(self, account: str, target: str, contents: Mapping[int, bytes]) -> None:
        """Replace the content of these buckets by these joined fingerprints."""

        def write(number: int) -> None:
            rows = contents[number]
            key = _bucket_key(account, target, number)
            if rows:
                self._table.update(key, "SET #rows = :rows", {"rows": rows}, names={"rows": "rows"})
            else:
                self._table.update(key, "REMOVE #rows", names={"rows": "rows"})

        self._table.in_parallel(write, contents)

    def write_head(self, account: str, target: str, head: Head) -> None:
        """Replace the digests of all buckets."""
        values: dict[str, Any] = {"digests": head.digests, "begun": head.begun}
        self._table.update(_head_key(account, target), "SET digests = :digests, begun = :begun", values)

    def record_failing(self, account: str, since: datetime) -> int:
        """Record that the list cannot be read, if not recorded yet; returns since when (ms)."""
        change = "SET failing_since = if_not_exists(failing_since, :since)"
        item = self._table.update(_source_key(account), change, {"since": to_ms(since)})
        return int(item["failing_since"])

    def record_read(self, account: str) -> None:
        """Record that the list can be read again."""
        self._table.update(_source_key(account), "REMOVE failing_since")


def _source_key(account: str) -> Key:
    return f"S#{account}", "unsubscribes"


def _head_key(account: str, target: str) -> Key:
    return f"S#{account}", f"unsubscribes#{target}"


def _bucket_key(account: str, target: str, number: int) -> Key:
    """One partition a bucket: a partition takes 1,000 writes a second."""
    return f"S#{account}#unsubscribes#{number:03x}", target


def _head_from(item: Mapping[str, Any]) -> Head:
    return Head(bytes(item.get("digests", NOTHING_KNOWN)), bool(item.get("begun")))
