"""What DynamoDB calls cost, worked out from the items themselves: the embedded one's own figures ignore their size.

DynamoDB counts a write in units of 1 KB of the whole item, once for the table and once for each index that the item
stands in, and a read in units of 4 KB, half of one where it may be a little old.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session

    from local.description import Table

WRITE_UNIT, READ_UNIT = 1024, 4096


@dataclass
class Capacity:
    """Counts every call of clients made from a session: `calls` by operation, and units of items put and items read.

    An index counts as holding the whole item and keeping its key: what a put adds or changes there is one write.
    """

    tables: Iterable[Table]
    calls: Counter[str] = field(default_factory=Counter)
    write_units: int = 0
    read_units: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, session: Session) -> None:
        """Count whatever clients made from this session do from now on."""
        session.register("provide-client-params.dynamodb", self._asked)
        session.register("after-call.dynamodb", self._answered)

    def _asked(self, **told: Any) -> None:
        params, operation = told["params"], told["model"].name
        with self._lock:
            self.calls[operation] += 1
            if operation == "PutItem":
                copies = 1 + self._indexes_with(params["TableName"], params["Item"])
                self.write_units += copies * math.ceil(size(params["Item"]) / WRITE_UNIT)

    def _answered(self, **told: Any) -> None:
        items = told["parsed"].get("Items") if told["model"].name == "Query" else None
        if items is not None:
            with self._lock:
                self.read_units += math.ceil(sum(map(size, items)) / READ_UNIT) / 2

    def _indexes_with(self, table: str, item: Mapping[str, Any]) -> int:
        schemas = (index["KeySchema"] for index in self._indexes_of(table))
        return sum(all(key["AttributeName"] in item for key in schema) for schema in schemas)

    def _indexes_of(self, table: str) -> Sequence[Mapping[str, Any]]:
        definition = next(each.definition for each in self.tables if each.name == table)
        indexes: Sequence[Mapping[str, Any]] = definition.get("GlobalSecondaryIndexes", ())
        return indexes


def size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The bytes of an item as DynamoDB counts them (of the types that Relais writes)."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.strip("-0.")) // 2 + 2
        case "M":
            return 3 + size(content) + len(content)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "SS":
            return sum(len(each.encode()) for each in content)
        case _:
            return 1
