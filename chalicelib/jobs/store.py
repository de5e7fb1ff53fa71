"""Stores the progress of syncs in the ledger, and which worker has claimed them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.attributes import Attributes, well_formed
from ..ledger.keys import event_key
from ..ledger.table import ConditionFailed, Key, Table

RETENTION = timedelta(days=90)
"""How long the progress of a sync is stored after its last write. Without it a sync starts from the beginning."""


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The progress of a sync. Rows count from the first after the header; blank lines are not counted."""

    rows: int = 0
    refused: int = 0
    bad: tuple[int, ...] = ()
    """Numbers of the first refused rows."""
    digest: str = ""
    """Digest of the rows so far; detects a changed file."""
    failures: int = 0
    """Failed attempts since the last progress."""
    restarts: int = 0
    """How often it restarted because the file had changed."""
    asked: bool = False
    """The provider was asked to fetch the file, and the outcome is not recorded with the delivery yet."""


class SyncStore:
    """Stores the progress of syncs. One worker claims a sync at a time, until it releases it or its claim expires."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, sync_id: str, token: str, now: datetime, until: datetime) -> SyncProgress | None:
        """Claims a sync as `token` until `until` and returns its progress; None if another worker has it.

        A sync without progress, or whose progress is malformed, starts from the beginning; a malformed lease has ended.
        """
        try:
            item = self._table.update(
                _key(sync_id),
                "SET lease_token = :token, lease_until = :until, expires_at = :expires",
                {"token": token, "until": to_ms(until), "now": to_ms(now), "expires": _expiry(now)},
                condition="NOT lease_until > :now",
            )
        except ConditionFailed:
            return None
        return well_formed(_progress_from, item) or SyncProgress()

    def save(self, sync_id: str, token: str, progress: SyncProgress, now: datetime, until: datetime) -> bool:
        """Writes progress and extends the claim to `until`; False if another worker has claimed the sync meanwhile.

        An `until` that is not after now releases the claim.
        """
        item = {**asdict(progress), "bad": list(progress.bad)}
        values = {"token": token, "until": to_ms(until), "expires": _expiry(now), "progress": item}
        change = "SET progress = :progress, lease_until = :until, expires_at = :expires"
        return self._table.try_update(_key(sync_id), change, values, condition="lease_token = :token")

    def remove_contacts(self, event: Event) -> None:
        """Removes the contacts of a delivered sync: each is in a signup of its own now, where it can be erased."""
        self._table.try_update(
            event_key(event.id),
            "REMOVE #sync.contacts",
            {"delivered": Status.DELIVERED.value},
            condition="#status = :delivered",
            names={"sync": "sync", "status": "status"},
        )


def _key(sync_id: str) -> Key:
    """Returns a key beside the event's: a contacts sync is large, and every write is billed by the size of its item."""
    return f"P#{sync_id}", "sync"


def _expiry(now: datetime) -> int:
    return int((now + RETENTION).timestamp())


def _progress_from(item: Attributes) -> SyncProgress:
    progress = item.optional("progress", Attributes)
    if progress is None:
        return SyncProgress()
    return SyncProgress(
        rows=progress.required("rows", int),
        refused=progress.required("refused", int),
        bad=tuple(progress.required("bad", list[int])),
        digest=progress.required("digest", str),
        failures=progress.required("failures", int),
        restarts=progress.required("restarts", int),
        asked=progress.required("asked", bool),
    )
