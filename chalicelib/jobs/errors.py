"""Errors of a sync, by how it reacts to them."""

from __future__ import annotations

from ..domain.errors import RelaisError


class SyncTrouble(RelaisError):
    """A failure that needs nobody's action as far as is known: the sync is retried, after `retry_after` seconds if set.

    `unknown`: the provider may have done what it was asked. The text holds no URL and no address.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, unknown: bool = False) -> None:
        self.retry_after = retry_after
        self.unknown = unknown
        super().__init__(message)


class SyncRefused(RelaisError):
    """A failure that a retry would repeat until the file or the configuration is corrected.

    The text says what to correct, and holds no URL and no address.
    """


class FileChanged(RelaisError):
    """The file differs from the one that an earlier invocation began to read."""


class OutOfTime(RelaisError):
    """The invocation is nearly over; progress is recorded and another invocation continues."""


class TakenOver(RelaisError):
    """Another worker has claimed this sync."""
