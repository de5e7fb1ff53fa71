"""Stores the progress of the nightly pass over the ledger, and which run of sweep has claimed it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.attributes import Attributes, well_formed
from ..ledger.table import ConditionFailed, Key, Table
from .rules import Progress

_KEY: Key = ("S#sweep", "nightly_pass")


class Checkpoints:
    """Stores the current or last pass. One run claims it at a time. All methods raise LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Progress | None:
        """Return the progress of the pass; None if there was none yet."""
        return _progress_in(self._table.get(_KEY) or {})

    def claim(self, token: str, now: datetime, until: datetime) -> tuple[bool, Progress | None]:
        """Claim the pass as `token` until `until` and return its progress; False if another run has it."""
        try:
            item = self._table.update(
                _KEY,
                "SET lease_token = :token, lease_until = :until",
                {"token": token, "until": to_ms(until), "now": to_ms(now)},
                condition="attribute_not_exists(lease_until) OR lease_until <= :now",
            )
        except ConditionFailed:
            return False, None
        return True, _progress_in(item)

    def save(self, token: str, progress: Progress, until: datetime) -> bool:
        """Write progress and extend the claim to `until`; False if another run has claimed the pass meanwhile."""
        values = {
            "token": token,
            "until": to_ms(until),
            "day": progress.day,
            "after": list(progress.after) if progress.after else [],
            "complete": progress.complete,
            "pages": progress.pages,
        }
        change = "SET lease_until = :until, #day = :day, #after = :after, complete = :complete, pages = :pages"
        try:
            self._table.update(
                _KEY, change, values, condition="lease_token = :token", names={"day": "day", "after": "after"}
            )
        except ConditionFailed:
            return False
        return True


def _progress_in(item: Mapping[str, Any]) -> Progress | None:
    """Return the progress; None if there was no pass, or if the item is malformed: then a new pass starts."""
    return well_formed(_progress_from, item) if "day" in item else None


def _progress_from(item: Attributes) -> Progress:
    after = item.texts("after")
    if len(after) not in (0, 2):
        raise item.malformed("after", "is no key")
    item.optional_milliseconds("lease_until")  # compared by DynamoDB alone
    return Progress(
        item.required("day", str),
        (after[0], after[1]) if after else None,
        item.optional("complete", bool) or False,
        item.required("pages", int),
    )
