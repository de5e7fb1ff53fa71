"""How long the oldest delivery of an account has been waiting, without looking through the ledger."""

from __future__ import annotations

from ..core.events import EventType, Status
from ..names import DUE_INDEX
from .keys import SHARDS, due_partition, event_id_of, event_key
from .table import Table

_PENDING = Status.PENDING.value
LOOKED_AT = 10
"""Deliveries looked at in each partition of the `due` index."""


class Waiting:
    """Reads, in each partition of the `due` index, when the deliveries that are due next were accepted."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def oldest(self, account: str) -> int | None:
        """When the oldest pending delivery of `account` was accepted (ms); None if nothing is pending.

        Exact while no partition holds more than `LOOKED_AT`. With more, one that was put off until later may be missed:
        what is due next was never tried for the most part, and comes in the order in which it was accepted but for the
        half minute by which first due times are spread. Raises LedgerUnavailable.
        """
        partitions = [due_partition(account, verb, shard) for verb in EventType for shard in range(SHARDS)]
        found = self._table.in_parallel(
            lambda partition: self._table.query_due(DUE_INDEX, partition, None, LOOKED_AT), partitions
        )
        events = self._table.get_many(event_key(event_id_of(key["pk"])) for keys in found for key in keys)
        # The index lags behind by moments: what has just become final may still stand in it.
        pending = (item for item in events.values() if item.get("status", _PENDING) == _PENDING)
        return min((item["accepted"] for item in pending), default=None)
