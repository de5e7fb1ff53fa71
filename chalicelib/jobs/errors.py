"""Defines the errors that end an attempt at a sync. Their texts hold no URL and no address."""

from __future__ import annotations

from ..domain.errors import RelaisError
from ..domain.reasons import ReasonCode


class SyncFailed(RelaisError):
    """A failure that may pass: the sync is retried, after `retry_after` seconds if set.

    `unknown`: the provider may have done what it was asked. `remedy`: what its owner can do, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        unknown: bool = False,
        remedy: str = "",
        reason_code: ReasonCode = ReasonCode.SOURCE_FAILED,
    ) -> None:
        self.remedy = remedy
        self.retry_after = retry_after
        self.unknown = unknown
        self.reason_code = reason_code
        super().__init__(message)


class SyncRefused(RelaisError):
    """A failure that a retry would repeat until the file or the configuration is corrected, as the text says.

    `remedy`: what its owner can do, where more is known.
    """

    def __init__(self, message: str, *, remedy: str = "", reason_code: ReasonCode = ReasonCode.SOURCE_REFUSED) -> None:
        self.remedy = remedy
        self.reason_code = reason_code
        super().__init__(message)
