"""Syncs in the ledger: what one asks for, how far it has come, and which worker is at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.keys import event_key
from ..ledger.table import ConditionFailed, Key, Table

KEPT = timedelta(days=90)
"""How long the progress of a sync is kept after it was last noted. Without it a sync begins from the beginning."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync has come. Rows count from the first after the header; blank lines are none."""

    rows: int = 0
    refused: int = 0
    bad: tuple[int, ...] = ()
    """Numbers of the first rows that were refused."""
    digest: str = ""
    """Of the rows so far: tells whether the file is still the same."""
    failures: int = 0
    """Attempts that failed since it last came further."""
    restarts: int = 0
    """How often it began anew because the file had changed."""
    asked: bool = False
    """The provider was asked to fetch the file, and nobody has noted what it said."""


class SyncStore:
    """The progress of syncs. One worker has a sync at a time, until it gives it back or has not noted for a while."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, event_id: str, token: str, now: datetime, until: datetime) -> Progress | None:
        """Take a sync in hand as `token` until then; None if another worker has it."""
        try:
            item = self._table.update(
                _key(event_id),
                "SET taken_by = :token, taken_until = :until, expires_at = :expires",
                {"token": token, "until": to_ms(until), "now": to_ms(now), "expires": _expiry(now)},
                condition="attribute_not_exists(taken_until) OR taken_until <= :now",
            )
        except ConditionFailed:
            return None
        return _progress_from(item.get("progress", {}))

    def note(self, event_id: str, token: str, progress: Progress, now: datetime, until: datetime) -> bool:
        """Note how far it has come and keep it until then; False if another worker has taken it meanwhile.

        With `until` in the past it is given back.
        """
        values = {"token": token, "until": to_ms(until), "expires": _expiry(now), "progress": _progress_item(progress)}
        change = "SET progress = :progress, taken_until = :until, expires_at = :expires"
        try:
            self._table.update(_key(event_id), change, values, condition="taken_by = :token")
        except ConditionFailed:
            return False
        return True

    def forget_contacts(self, event: Event) -> None:
        """Drop the contacts of a delivered sync: each stands in a signup of its own now, where it can be erased."""
        try:
            self._table.update(
                event_key(event.id),
                "REMOVE #sync.contacts",
                {"delivered": Status.DELIVERED.value},
                condition="#status = :delivered",
                names={"sync": "sync", "status": "status"},
            )
        except ConditionFailed:
            return


def _key(event_id: str) -> Key:
    """Beside the event and not in it: a contacts sync is large, and every write is paid by the size of its item."""
    return f"P#{event_id}", "sync"


def _expiry(now: datetime) -> int:
    return int((now + KEPT).timestamp())


def _progress_item(progress: Progress) -> dict[str, Any]:
    return {
        "rows": progress.rows,
        "refused": progress.refused,
        "bad": list(progress.bad),
        "digest": progress.digest,
        "failures": progress.failures,
        "restarts": progress.restarts,
        "asked": progress.asked,
    }


def _progress_from(item: Mapping[str, Any]) -> Progress:
    return Progress(**{**item, "bad": tuple(item.get("bad", ()))})
