"""One reading of a provider's list of those who left: fingerprints in memory, the rows themselves in a file.

A provider may return a million rows in one answer, once, and which of them are new is known only at its end. So the
rows wait in a temporary file without a name: nothing else can open it, and nothing of it is left afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO

from ..domain.addresses import normalise
from ..domain.errors import ProviderError
from ..domain.times import epoch_milliseconds as to_ms
from ..providers.base import Unsubscribes
from .rules import Buckets, UnsubscribedAddress, place

IN_MEMORY = 1024 * 1024
"""Bytes of rows that need no file."""


@contextmanager
def listing(digest: Callable[[bytes], bytes]) -> Iterator[Listing]:
    """An empty listing, whose rows are gone with the context. `digest` is the keyed digest of a row."""
    with SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+", encoding="ascii") as file:
        yield Listing(digest, file)


class Listing:
    """The rows of one reading. `error` says why it broke off, if it did: what was read by then counts all the same."""

    def __init__(self, digest: Callable[[bytes], bytes], file: IO[str]) -> None:
        self._digest = digest
        self._file = file
        self.buckets = Buckets()
        self.read = 0
        self.skipped = 0
        """Rows that hold no address."""
        self.error: ProviderError | None = None

    def fill(self, rows: Unsubscribes) -> None:
        """Read to the end, or until the provider fails."""
        try:
            for row in rows:
                at = to_ms(row.at) if row.at is not None else None
                self._put(UnsubscribedAddress(row.email, at, row.provider_id, row.version))
        except ProviderError as error:
            self.error = error
        self.skipped = rows.skipped
        self.read += self.skipped

    @property
    def is_whole(self) -> bool:
        """Was it read to its end?"""
        return self.error is None

    def rows_in(self, buckets: Collection[int]) -> Iterator[tuple[int, bytes, UnsubscribedAddress]]:
        """The rows in some buckets, each with its bucket and its fingerprint, in the order in which they were read."""
        names = {_name(bucket) for bucket in buckets}
        self._file.seek(0)
        for line in self._file:
            if line[:3] in names:
                fingerprint, _, values = line[3:].partition(" ")
                yield int(line[:3], 16), bytes.fromhex(fingerprint), UnsubscribedAddress(*json.loads(values))

    def _put(self, row: UnsubscribedAddress) -> None:
        self.read += 1
        values = [row.email, row.at, row.provider_id, row.version]
        says = json.dumps([normalise(row.email), *values[1:]])
        bucket, fingerprint = place(self._digest(says.encode()))
        self.buckets.add(bucket, fingerprint)
        self._file.write(f"{_name(bucket)}{fingerprint.hex()} {json.dumps(values)}\n")


def _name(bucket: int) -> str:
    return f"{bucket:03x}"
