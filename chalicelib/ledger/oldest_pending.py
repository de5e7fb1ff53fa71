"""Finds the oldest pending deliveries of an account without scanning the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.events import EventType, Status
from ..names import DUE_INDEX
from .attributes import Attributes, Milliseconds, well_formed
from .events import due_from
from .keys import IndexRange, event_key, parse_sort_key, sort_keys, swept_ranges
from .table import Table

_PENDING = Status.PENDING.value
LOOKED_AT = 10
"""Deliveries looked at in each range of the `due` index."""
READ_TOGETHER = 40
"""Entries of all these ranges that one query reads; if it reaches the end, it has read them all."""
_SWEPT = sorted(
    {part for event_type in EventType for part in swept_ranges(event_type)} - {IndexRange.QUARANTINED_SIGNUP}
)
_OF_UNSUBSCRIBES = swept_ranges(EventType.UNSUBSCRIBE)


@dataclass(frozen=True, slots=True)
class Oldest:
    """Since when an account's oldest pending deliveries wait (ms); None: there is none."""

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

        Costs one query while few deliveries wait, else one for each range of the index. The result is exact while no
        range has more than `LOOKED_AT` deliveries. With more, a postponed delivery may be missed: those due next are
        mostly untried, in order of acceptance except for the half minute by which first due times are spread. Raises
        LedgerUnavailable.
        """
        waiting = self._due_next(account)
        events = self._table.get_many(event_key(event_id) for _, event_id in waiting)
        # The index is eventually consistent: it may still contain deliveries that have just become final.
        times = {
            key: well_formed(_waits_since, item)
            for key, item in events.items()
            if item.get("status", _PENDING) == _PENDING
        }
        accepted = [(part, at) for part, event_id in waiting if (at := times.get(event_key(event_id))) is not None]
        return Oldest(
            _earliest(at for part, at in accepted if part is not IndexRange.QUARANTINED_UNSUBSCRIBE),
            _earliest(at for part, at in accepted if part in _OF_UNSUBSCRIBES),
        )

    def _due_next(self, account: str) -> list[tuple[IndexRange, str]]:
        """Reads the ids of the deliveries that are due next in each range."""
        between = sort_keys(_SWEPT[0], _SWEPT[-1])
        entries = self._table.query_due(DUE_INDEX, account, between, READ_TOGETHER)
        if len(entries) == READ_TOGETHER:
            found = self._table.in_parallel(
                lambda part: self._table.query_due(DUE_INDEX, account, sort_keys(part), LOOKED_AT), _SWEPT
            )
            entries = [entry for items in found for entry in items]
        due = [one for entry in entries if (one := well_formed(_in_range, entry)) is not None]
        return [each for part in _SWEPT for each in [one for one in due if one[0] is part][:LOOKED_AT]]


def _in_range(item: Attributes) -> tuple[IndexRange, str]:
    """Reads the range of an entry of the index, and the id of its event."""
    _, event_id = due_from(item)
    return parse_sort_key(item.required("due_sk", str))[0], event_id


def _waits_since(event: Attributes) -> int:
    """Reads when an event was accepted, or confirmed by its person: before that it waited for them alone."""
    return event.optional("confirmed", Milliseconds) or event.required("accepted", Milliseconds)


def _earliest(times: Iterable[int]) -> int | None:
    return min(times, default=None)
