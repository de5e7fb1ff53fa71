"""Scans the whole ledger once a day and repairs deliveries missing from the index and items of processes that died.

It runs as a part of sweep, in steps; each run of sweep continues where the last one stopped.
"""

from __future__ import annotations

from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable
from ..effects import Effects
from ..observability import logger, metrics
from .checkpoints import Checkpoints
from .findings import FindingStore
from .repair import Repairs
from .rules import Progress, advanced, pass_to_run

PAGE_SECONDS = 8.0
"""No page is started with less time than this."""


class NightlyPass:
    """Scans and repairs the ledger once a day."""

    def __init__(
        self, checkpoints: Checkpoints, finding_store: FindingStore, repairs: Repairs, effects: Effects
    ) -> None:
        self._checkpoints = checkpoints
        self._finding_store = finding_store
        self._repairs = repairs
        self._effects = effects

    def run(self, deadline: Deadline) -> int:
        """Start or continue a due pass until `deadline`; return the number of deliveries enqueued.

        Does not raise: a later run reads a page again on which the ledger failed.
        """
        try:
            return self._continue(deadline)
        except LedgerUnavailable as error:
            logger.warning("nightly pass deferred: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return 0

    def _continue(self, deadline: Deadline) -> int:
        now = self._effects.clock()
        if deadline.seconds_left < PAGE_SECONDS or pass_to_run(self._checkpoints.read(), now) is None:
            return 0
        token = self._effects.token()
        mine, recorded = self._checkpoints.claim(token, now, deadline.ends_at)
        progress = pass_to_run(recorded, now) if mine else None
        return 0 if progress is None else self._pages(token, progress, deadline)

    def _pages(self, token: str, progress: Progress, deadline: Deadline) -> int:
        """Repair page after page while there is time. Each page is recorded, so a run that dies repeats one page."""
        enqueued = 0
        while not progress.complete and deadline.seconds_left >= PAGE_SECONDS:
            now = self._effects.clock()
            findings, after = self._finding_store.page(progress.after, now)
            enqueued += self._repairs.repair(findings, now)
            progress = advanced(progress, after)
            if not self._checkpoints.save(token, progress, deadline.ends_at):
                return enqueued  # this claim has expired, and another run continues from the last recorded page
        if progress.complete:
            logger.info("nightly pass finished", extra={"day": progress.day, "pages": progress.pages})
            metrics.count("nightly_passes")
        self._checkpoints.save(token, progress, self._effects.clock())
        return enqueued
