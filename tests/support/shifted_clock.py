"""A clock that a test owns: real time and an offset, in memory that every process of a stack shares."""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "MOVED_CLOCK"
"""Names the clock's file to processes that follow it."""

_DOUBLE = struct.Struct("=d")
_SIZE = 4096


class SharedNumbers:
    """Numbers in a small file that several processes map: eight bytes each, all of them zero at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        self._file = path.open("r+b")
        self._memory = mmap.mmap(self._file.fileno(), _SIZE)

    def _get(self, place: int) -> float:
        found: float = _DOUBLE.unpack_from(self._memory, place * _DOUBLE.size)[0]
        return found

    def _set(self, place: int, value: float) -> None:
        _DOUBLE.pack_into(self._memory, place * _DOUBLE.size, value)


class MovedClock(SharedNumbers):
    """The time that a stack lives in. The first number of the file is the offset; one process moves it."""

    _OFFSET = 0

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def time(self) -> float:
        """Return the present moment in epoch seconds."""
        return time.time() + self.offset

    def monotonic(self) -> float:
        """Seconds that pass with this clock, for durations."""
        return time.monotonic() + self.offset

    @property
    def offset(self) -> float:
        """How far it is ahead of real time, in seconds."""
        return self._get(self._OFFSET)

    def forward(self, seconds: float) -> None:
        """Move it on."""
        self._set(self._OFFSET, self.offset + seconds)

    def reset(self) -> None:
        """Back to real time."""
        self._set(self._OFFSET, 0.0)
