"""Scans the ledger every night, a large one every few nights, and repairs what is not in the index or left behind.

It runs as a part of sweep, in steps; each run of sweep continues where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.attributes import Attributes, Milliseconds, well_formed
from ..ledger.table import ConditionFailed, Key, Table
from ..observability import logger, metrics
from ..services import Services
from .findings import FindingStore
from .repair import Repairs
from .rules import Progress, advanced, pass_to_run

PAGE_SECONDS = 8.0
"""No page is started with less time than this."""
_CHECKPOINT_KEY: Key = ("S#sweep", "nightly_pass")


class NightlyPass:
    """Scans and repairs the ledger every night, a large one at least every week."""

    def __init__(self, services: Services) -> None:
        self._checkpoints = Checkpoints(services.table)
        self._finding_store = FindingStore(services)
        self._repairs = Repairs(services)
        self._effects = services.effects

    def run(self, deadline: Deadline) -> int:
        """Starts or continues a due pass until `deadline`; returns the number of deliveries enqueued.

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
        """Repairs page after page while there is time. Each page is recorded, so a run that dies repeats one page."""
        enqueued = 0
        while not progress.complete and deadline.seconds_left >= PAGE_SECONDS:
            now = self._effects.clock()
            page = self._finding_store.page(progress.after, now)
            enqueued += self._repairs.repair(page.findings, now)
            self._repairs.remove_evidence(page.expired_evidence, now)
            progress = advanced(progress, page.after)
            if not self._checkpoints.save(token, progress, deadline.ends_at):
                return enqueued  # this claim has expired, and another run continues from the last recorded page
        if progress.complete:
            logger.info("nightly pass finished", extra={"day": progress.day, "pages": progress.pages})
            metrics.count("nightly_passes")
        self._checkpoints.save(token, progress, self._effects.clock())
        return enqueued


class Checkpoints:
    """Stores the current or last pass. One run claims it at a time. All methods raise LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Progress | None:
        """Returns the progress of the pass; None if there was none yet."""
        return _progress_in(self._table.get(_CHECKPOINT_KEY) or {})

    def claim(self, token: str, now: datetime, until: datetime) -> tuple[bool, Progress | None]:
        """Claims the pass as `token` until `until` and returns its progress; False if another run has it."""
        try:
            item = self._table.update(
                _CHECKPOINT_KEY,
                "SET lease_token = :token, lease_until = :until",
                {"token": token, "until": to_ms(until), "now": to_ms(now)},
                condition="attribute_not_exists(lease_until) OR lease_until <= :now",
            )
        except ConditionFailed:
            return False, None
        return True, _progress_in(item)

    def save(self, token: str, progress: Progress, until: datetime) -> bool:
        """Writes progress and extends the claim to `until`; False if another run has claimed the pass meanwhile."""
        values = {
            "token": token,
            "until": to_ms(until),
            "day": progress.day,
            "after": list(progress.after) if progress.after else [],
            "complete": progress.complete,
            "pages": progress.pages,
        }
        names = {"day": "day", "after": "after"}
        change = "SET lease_until = :until, #day = :day, #after = :after, complete = :complete, pages = :pages"
        return self._table.try_update(_CHECKPOINT_KEY, change, values, condition="lease_token = :token", names=names)


def _progress_in(item: Mapping[str, Any]) -> Progress | None:
    """Returns the progress; None if there was no pass, or if the item is malformed: then a new pass starts."""
    return well_formed(_progress_from, item) if "day" in item else None


def _progress_from(item: Attributes) -> Progress:
    after = item.required("after", list[str])
    if len(after) not in (0, 2):
        raise item.malformed("after", "is not a key")
    day = item.required("day", str)
    try:
        date.fromisoformat(day)
    except ValueError:
        raise item.malformed("day", "is not a date") from None
    item.optional("lease_until", Milliseconds)  # compared by DynamoDB alone
    return Progress(
        day,
        (after[0], after[1]) if after else None,
        item.required("complete", bool),
        item.required("pages", int),
    )
