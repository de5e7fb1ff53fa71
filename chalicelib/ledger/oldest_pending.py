"""How long the oldest delivery of an account has been waiting, without looking through the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.events import EventType, Status
from ..names import DUE_INDEX
from .attributes import well_formed
from .events import due_from
from .keys import due_partitions, event_key, held_back_partition
from .table import Table

_PENDING = Status.PENDING.value
LOOKED_AT = 10
"""Deliveries looked at in each partition of the `due` index."""


@dataclass(frozen=True, slots=True)
class Oldest:
    """When an account's oldest pending deliveries were accepted (ms); None: there is none."""

    of_all: int | None = None
    """Without what was held back: that waits on purpose, with an alarm of its own."""
    unsubscribe: int | None = None
    """Also what was held back: the person was promised to be left alone."""


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
        partitions = [(verb, partition) for verb in EventType for partition in due_partitions(account, verb)]
        found = self._table.in_parallel(
            lambda partition: self._table.query_due(DUE_INDEX, partition[1], None, LOOKED_AT), partitions
        )
        waiting = [
            (*place, event_key(due[1]))
            for place, keys in zip(partitions, found, strict=True)
            for key in keys
            if (due := well_formed(due_from, key)) is not None
        ]
        events = self._table.get_many(key for _, _, key in waiting)
        # The index lags behind by moments: what has just become final may still stand in it.
        times = {
            key: well_formed(lambda item: item.milliseconds("accepted"), item)
            for key, item in events.items()
            if item.get("status", _PENDING) == _PENDING
        }
        accepted = [(verb, partition, at) for verb, partition, key in waiting if (at := times.get(key)) is not None]
        held_back = held_back_partition(account)
        return Oldest(
            _earliest(at for _, partition, at in accepted if partition != held_back),
            _earliest(at for verb, _, at in accepted if verb is EventType.UNSUBSCRIBE),
        )


def _earliest(times: Iterable[int]) -> int | None:
    return min(times, default=None)
