"""Consumed capacity by the published rules: writes in units of 1 KB, reads in units of 4 KB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from .errors import invalid
from .tables import Index, Table
from .values import Item, item_size

WRITE_UNIT, READ_UNIT = 1024, 4096
_KINDS = ("INDEXES", "TOTAL", "NONE")


@dataclass
class Units:
    """Units of one table: its own, and those of its indexes by name."""

    table: Table
    own: float = 0.0
    indexes: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The total."""
        return self.own + sum(self.indexes.values())

    def add(self, other: Units) -> None:
        """Adds the units of another call to the same table."""
        self.own += other.own
        for name, units in other.indexes.items():
            self.indexes[name] = self.indexes.get(name, 0.0) + units

    def shown(self, kind: str, transaction: str | None = None) -> dict[str, Any]:
        """Returns a ConsumedCapacity; in a transaction (`Read` or `Write`) everything counts twice, under that name."""
        factor = 2.0 if transaction else 1.0

        def one(units: float) -> dict[str, float]:
            counted = units * factor
            return {"CapacityUnits": counted, **({f"{transaction}CapacityUnits": counted} if transaction else {})}

        answer: dict[str, Any] = {"TableName": self.table.name, **one(self.total)}
        if kind != "INDEXES":
            return answer
        answer["Table"] = one(self.own)
        for is_global, name in ((True, "GlobalSecondaryIndexes"), (False, "LocalSecondaryIndexes")):
            shown = {
                index: one(units)
                for index, units in self.indexes.items()
                if self.table.indexes[index].is_global == is_global
            }
            if shown:
                answer[name] = shown
        return answer


def wanted(request: Mapping[str, Any]) -> str | None:
    """Returns TOTAL or INDEXES if the request wants its capacity. Raises DynamoError."""
    kind = request.get("ReturnConsumedCapacity")
    if kind is None or kind == "NONE":
        return None
    if kind not in _KINDS:
        raise invalid(
            f"1 validation error detected: Value '{kind}' at 'returnConsumedCapacity' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(_KINDS)}]"
        )
    return str(kind)


def of_write(table: Table, before: Item | None, after: Item | None) -> Units:
    """Returns the cost of replacing an item: the larger of the two, and each changed entry of an index."""
    units = Units(table, _write_units(max(_size(before), _size(after))))
    for index in table.indexes.values():
        written = _index_units(index, before, after)
        if written:
            units.indexes[index.name] = written
    return units


def _size(item: Item | None) -> int:
    return 0 if item is None else item_size(item)


def _write_units(size: int) -> float:
    return float(max(1, ceil(size / WRITE_UNIT)))


def _index_units(index: Index, before: Item | None, after: Item | None) -> float:
    old = index.schema.stored_key(before) if before is not None else None
    new = index.schema.stored_key(after) if after is not None else None
    old_view = index.view(before) if before is not None and old is not None else None
    new_view = index.view(after) if after is not None and new is not None else None
    if old_view == new_view:
        return 0.0
    if old == new:
        return _write_units(max(_size(old_view), _size(new_view)))
    return sum(_write_units(item_size(view)) for view in (old_view, new_view) if view is not None)


def read_units(size: int, consistent: bool) -> float:
    """Returns the cost of reading so many bytes at once, at least that of the smallest item."""
    return max(1, ceil(size / READ_UNIT)) * (1.0 if consistent else 0.5)


def of_read(table: Table, index: Index | None, size: int, consistent: bool) -> Units:
    """Returns the cost of reading so many bytes of a table or an index."""
    units = read_units(size, consistent)
    return Units(table, units) if index is None else Units(table, 0.0, {index.name: units})
