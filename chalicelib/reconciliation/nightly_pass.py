"""The nightly pass: once a day all of the ledger is looked at, for what the index, or a process that died, left behind.

It runs as a part of sweep, in steps, each run of sweep going on where the last one stopped.
"""

from __future__ import annotations

from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable
from ..effects import Effects
from ..observability import logger, metrics
from .checkpoints import Checkpoints
from .findings import FindingStore
from .repair import Repairs
from .rules import Progress, further, to_go_on_with

PAGE_SECONDS = 8.0
"""No page is begun with less time than this."""


class NightlyPass:
    """Looks through the ledger once a day."""

    def __init__(self, store: Checkpoints, finding_store: FindingStore, repairs: Repairs, effects: Effects) -> None:
        self._store = store
        self._finding_store = finding_store
        self._repairs = repairs
        self._effects = effects

    def run(self, deadline: Deadline) -> int:
        """Go on with the pass that is due, if one is, until `deadline`; how many deliveries were rung for.

        Does not raise: a page that the ledger failed on is looked at again by a later run.
        """
        try:
            return self._go_on(deadline)
        except LedgerUnavailable as error:
            logger.warning("the nightly pass is left for the next sweep", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return 0

    def _go_on(self, deadline: Deadline) -> int:
        now = self._effects.clock()
        if deadline.seconds_left < PAGE_SECONDS or to_go_on_with(self._store.read(), now) is None:
            return 0
        token = self._effects.token()
        mine, noted = self._store.take(token, now, deadline.ends_at)
        progress = to_go_on_with(noted, now) if mine else None
        return 0 if progress is None else self._pages(token, progress, deadline)

    def _pages(self, token: str, progress: Progress, deadline: Deadline) -> int:
        """Page after page while there is time; each is noted, so that a run that dies costs one page at most."""
        enqueued = 0
        while not progress.complete and deadline.seconds_left >= PAGE_SECONDS:
            now = self._effects.clock()
            left, after = self._finding_store.page(progress.after, now)
            enqueued += self._repairs.repair(left, now)
            progress = further(progress, after)
            if not self._store.note(token, progress, deadline.ends_at):
                return enqueued  # it took longer than it may, and another run has gone on from where this one was
        if progress.complete:
            logger.info("the nightly pass is complete", extra={"day": progress.day, "pages": progress.pages})
            metrics.count("nightly_passes")
        self._store.note(token, progress, self._effects.clock())
        return enqueued
