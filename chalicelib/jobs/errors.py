"""What can be wrong with a sync, by what is done about it."""

from __future__ import annotations

from ..domain.errors import RelaisError


class SyncTrouble(RelaisError):
    """Nothing that anybody must mend as far as can be told: it is tried again, `retry_after` seconds later if stated.

    `unknown`: what was asked of the provider may have been done all the same. The text holds no URL and no address.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, unknown: bool = False) -> None:
        self.retry_after = retry_after
        self.unknown = unknown
        super().__init__(message)


class SyncRefused(RelaisError):
    """Trying again would find the same until somebody has mended the file or the configuration.

    The text says what, and holds no URL and no address.
    """


class FileChanged(RelaisError):
    """The file is not the one that an earlier invocation has begun to read."""


class OutOfTime(RelaisError):
    """The invocation is nearly over; what is done is noted, and another one goes on."""


class TakenOver(RelaisError):
    """Another worker has this sync now."""
