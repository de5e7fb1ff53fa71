"""Finds the oldest pending deliveries of an account without scanning the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.events import EventType, Status
from ..names import DUE_INDEX
from .attributes import Milliseconds, well_formed
from .events import due_from
from .keys import due_partitions, event_key, quarantine_partition
from .table import Table

_PENDING = Status.PENDING.value
LOOKED_AT = 10
"""Deliveries read from each partition of the `due` index."""


@dataclass(frozen=True, slots=True)
class Oldest:
    """Acceptance times of an account's oldest pending deliveries (ms); None: there is none."""

    of_all: int | None = None
    """Excludes quarantined deliveries: these wait on purpose, and have their own alarm."""
    unsubscribe: int | None = None
    """Includes quarantined deliveries: the person was promised to receive no more mail."""


class Waiting:
    """Reads the acceptance times of the deliveries due next in each partition of the `due` index."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def oldest(self, account: str) -> Oldest:
        """Returns when the oldest pending deliveries of `account` were accepted.

        The result is exact while no partition has more than `LOOKED_AT` deliveries. With more, a postponed delivery may
        be missed: those due next are mostly untried, in order of acceptance except for the half minute by which first
        due times are spread. Raises LedgerUnavailable.
        """
        partitions = [(verb, partition) for verb in EventType for partition in due_partitions(account, verb)]
        found = self._table.in_parallel(
            lambda partition: self._table.query_due(DUE_INDEX, partition[1], None, LOOKED_AT), partitions
        )
        waiting = [
            (*partition, event_key(due[1]))
            for partition, keys in zip(partitions, found, strict=True)
            for key in keys
            if (due := well_formed(due_from, key)) is not None
        ]
        events = self._table.get_many(key for _, _, key in waiting)
        # The index is eventually consistent: it may still contain deliveries that have just become final.
        times = {
            key: well_formed(lambda item: item.required("accepted", Milliseconds), item)
            for key, item in events.items()
            if item.get("status", _PENDING) == _PENDING
        }
        accepted = [(verb, partition, at) for verb, partition, key in waiting if (at := times.get(key)) is not None]
        quarantined = quarantine_partition(account)
        return Oldest(
            _earliest(at for _, partition, at in accepted if partition != quarantined),
            _earliest(at for verb, _, at in accepted if verb is EventType.UNSUBSCRIBE),
        )


def _earliest(times: Iterable[int]) -> int | None:
    return min(times, default=None)
