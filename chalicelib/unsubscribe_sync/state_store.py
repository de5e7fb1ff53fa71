"""What of a provider's list of those who left has been dealt with, for each account that is told of it.

One item holds the digests of all buckets of fingerprints, so that a list without news costs the same few reads however
long it is; one item a bucket holds the fingerprints themselves, and is read and written only where its digest changed.
The buckets are the truth: a digest that a worker died before writing makes the next one look into the bucket, no more.
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
    """The digests of all buckets as dealt with for one account, and whether its baseline has been taken."""

    digests: bytes = NOTHING_KNOWN
    begun: bool = False
    """Set once the baseline is over: what is new from then on is news."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of an account's list as a whole. `failing_since` is set while it cannot be read (ms)."""

    key: str | None = None
    """The fingerprint of the address key that the rows are hashed with."""
    version: int = 0
    taken_until: int = 0
    failing_since: int | None = None
    heads: Mapping[str, Head] = field(default_factory=dict)


class SyncStateStore:
    """The items about one list and another; one worker at a time writes to those of an account."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, account: str, targets: Iterable[str]) -> Source:
        """What is known of the list of `account` for `targets`: a handful of items, read consistently."""
        names = list(targets)
        found = self._table.get_many([_source_key(account), *(_head_key(account, name) for name in names)])
        item = found.get(_source_key(account), {})
        heads = {name: _head_from(found.get(_head_key(account, name), {})) for name in names}
        return Source(
            key=item.get("key"),
            version=item.get("version", 0),
            taken_until=item.get("taken_until", 0),
            failing_since=item.get("failing_since"),
            heads=heads,
        )

    def take(self, account: str, seen: Source, key: str, now: datetime, until: datetime) -> bool:
        """Take the list in hand until then; False if another worker has it, or had it since `seen` was read."""
        values = {"next": seen.version + 1, "until": to_ms(until), "now": to_ms(now), "key": key}
        same = "attribute_not_exists(#version)"
        if seen.version:
            same, values = "#version = :seen", {**values, "seen": seen.version}
        try:
            self._table.update(
                _source_key(account),
                "SET #version = :next, taken_until = :until, #key = :key",
                values,
                condition=f"{same} AND (attribute_not_exists(taken_until) OR taken_until <= :now)",
                names={"version": "version", "key": "key"},
            )
        except ConditionFailed:
            return False
        return True

    def give_back(self, account: str, seen: Source) -> None:
        """Let others have the list that was taken as `seen`."""
        try:
            self._table.update(
                _source_key(account),
                "REMOVE taken_until",
                {"mine": seen.version + 1},
                condition="#version = :mine",
                names={"version": "version"},
            )
        except ConditionFailed:
            return

    def buckets(self, account: str, target: str, numbers: Iterable[int]) -> dict[int, bytes]:
        """The fingerprints in some buckets, joined."""
        keys = {_bucket_key(account, target, number): number for number in numbers}
        found = self._table.get_many(keys)
        return {number: bytes(found.get(key, {}).get("rows", b"")) for key, number in keys.items()}

    def write_buckets(self, account: str, target: str, contents: Mapping[int, bytes]) -> None:
        """Put these fingerprints, joined, into these buckets, in place of what is there."""

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
        """Note that the list cannot be read, if that is not noted yet; gives since when (ms)."""
        change = "SET failing_since = if_not_exists(failing_since, :since)"
        item = self._table.update(_source_key(account), change, {"since": to_ms(since)})
        return int(item["failing_since"])

    def record_read(self, account: str) -> None:
        """Note that the list can be read again."""
        self._table.update(_source_key(account), "REMOVE failing_since")


def _source_key(account: str) -> Key:
    return f"S#{account}", "left"


def _head_key(account: str, target: str) -> Key:
    return f"S#{account}", f"left#{target}"


def _bucket_key(account: str, target: str, number: int) -> Key:
    """A partition for each bucket: one partition takes 1,000 writes a second."""
    return f"S#{account}#left#{number:03x}", target


def _head_from(item: Mapping[str, Any]) -> Head:
    return Head(bytes(item.get("digests", NOTHING_KNOWN)), bool(item.get("begun")))
