"""Stores since when messages wait on each queue, as `sweep` saw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from ..names import QueueKind
from .attributes import Attributes, Milliseconds, well_formed
from .keys import QUEUES_KEY
from .table import Table

KINDS: tuple[QueueKind, ...] = get_args(QueueKind)


class QueueWaitStore:
    """Keeps one time for each queue on which messages wait, in one item. Every method raises LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> dict[QueueKind, int]:
        """Returns since when messages wait (ms), for the queues on which some do."""
        return well_formed(_waits_from, self._table.get(QUEUES_KEY) or {}) or {}

    def write(self, since: Mapping[QueueKind, int]) -> None:
        """Replaces what `read` returns."""
        kept = ", ".join(f"#{kind} = :{kind}" for kind in since)
        removed = ", ".join(f"#{kind}" for kind in KINDS if kind not in since)
        change = " ".join(([f"SET {kept}"] if kept else []) + ([f"REMOVE {removed}"] if removed else []))
        self._table.update(
            QUEUES_KEY, change, {str(kind): at for kind, at in since.items()}, names={kind: kind for kind in KINDS}
        )


def _waits_from(item: Attributes) -> dict[QueueKind, int]:
    return {kind: since for kind in KINDS if (since := item.optional(kind, Milliseconds)) is not None}
