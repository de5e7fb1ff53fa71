"""Stores one reading of a provider's unsubscribe list: fingerprints in memory, the rows in a temporary file.

A provider may return a million rows in one answer, once, and only at its end is it known which are new. The rows are
spooled to an unnamed temporary file: nothing else can open it, and it disappears when closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO

from ..domain.addresses import normalise
from ..domain.times import epoch_milliseconds as to_ms
from ..providers.spec import Unsubscribed, Unsubscribes
from .rules import Buckets, UnsubscribedAddress, bucket_and_fingerprint

IN_MEMORY = 1024 * 1024
"""Bytes of rows that need no file."""


@contextmanager
def open_snapshot(digest: Callable[[bytes], bytes]) -> Iterator[Snapshot]:
    """Opens an empty snapshot, deleted at the end of the context. `digest` is the keyed digest of a row."""
    with SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+", encoding="ascii") as file:
        yield Snapshot(digest, file)


class Snapshot:
    """The rows of one reading, also of one that stopped early."""

    def __init__(self, digest: Callable[[bytes], bytes], file: IO[str]) -> None:
        self._digest = digest
        self._file = file
        self.buckets = Buckets()
        self.read = 0
        self.skipped = 0
        """Rows without an address."""
        self.is_whole = False
        """True if the list was read to its end."""

    def fill(self, rows: Unsubscribes) -> None:
        """Reads all rows. Raises ProviderError; the rows read by then count."""
        try:
            for row in rows:
                self._put(unsubscribed_address(row))
            self.is_whole = True
        finally:
            self.skipped = rows.skipped
            self.read += self.skipped

    def rows_in(self, buckets: Collection[int]) -> Iterator[tuple[int, bytes, UnsubscribedAddress]]:
        """Yields the rows of some buckets with bucket and fingerprint, in reading order."""
        names = {f"{bucket:03x}" for bucket in buckets}
        self._file.seek(0)
        for line in self._file:
            if line[:3] in names:
                fingerprint, _, values = line[3:].partition(" ")
                yield int(line[:3], 16), bytes.fromhex(fingerprint), UnsubscribedAddress(*json.loads(values))

    def _put(self, row: UnsubscribedAddress) -> None:
        self.read += 1
        values = [row.email, row.at, row.provider_id, row.version]
        content = json.dumps([normalise(row.email), *values[1:]])
        bucket, fingerprint = bucket_and_fingerprint(self._digest(content.encode()))
        self.buckets.add(bucket, fingerprint)
        self._file.write(f"{bucket:03x}{fingerprint.hex()} {json.dumps(values)}\n")


def unsubscribed_address(row: Unsubscribed) -> UnsubscribedAddress:
    """Returns a provider's row with its time in milliseconds."""
    return UnsubscribedAddress(row.email, to_ms(row.at) if row.at is not None else None, row.provider_id, row.version)
