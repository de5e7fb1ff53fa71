"""How long the oldest delivery of an account has been waiting, without looking through the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.events import EventType, Status
from ..names import DUE_INDEX
from .keys import SHARDS, due_partition, event_id_of, event_key
from .table import Table

_PENDING = Status.PENDING.value
LOOKED_AT = 10
"""Deliveries looked at in each partition of the `due` index."""


@dataclass(frozen=True, slots=True)
class Oldest:
    """When an account's oldest pending delivery, and its oldest pending unsubscribe, was accepted (ms); None: none."""

    of_all: int | None = None
    unsubscribe: int | None = None


class Waiting:
    """Reads, in each partition of the `due` index, when the deliveries that are due next were accepted."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def oldest(self, account: str) -> Oldest:
        """When the oldest pending deliveries of `account` were accepted.

        Exact while no partition holds more than `LOOKED_AT`. With more, one that was put off until later may be missed:
        what is due next was never tried for the most part, and comes in the order in which it was accepted but for the
        half minute by which first due times are spread. Raises LedgerUnavailable.
        """
        partitions = [(verb, due_partition(account, verb, shard)) for verb in EventType for shard in range(SHARDS)]
        found = self._table.in_parallel(
            lambda partition: self._table.query_due(DUE_INDEX, partition[1], None, LOOKED_AT), partitions
        )
        ids = [
            (verb, event_id_of(key["pk"])) for (verb, _), keys in zip(partitions, found, strict=True) for key in keys
        ]
        events = self._table.get_many(event_key(event_id) for _, event_id in ids)
        # The index lags behind by moments: what has just become final may still stand in it.
        accepted = [
            (verb, item["accepted"])
            for verb, event_id in ids
            if (item := events.get(event_key(event_id))) and item.get("status", _PENDING) == _PENDING
        ]
        unsubscribes = (at for verb, at in accepted if verb is EventType.UNSUBSCRIBE)
        return Oldest(_earliest(at for _, at in accepted), _earliest(unsubscribes))


def _earliest(times: Iterable[int]) -> int | None:
    return min(times, default=None)
