"""Keeps the ledger in the memory of a separate process, for more events than a server handles in minutes.

It replaces the product's DynamoDB client, so that only the product's own growth is measured: an operation
costs the same whatever the size of the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.managers import BaseManager
from typing import Any

from local.aws.dynamodb import Client
from local.aws.dynamodb.client import METHODS
from local.bench import surroundings


@dataclass
class Spent:
    """Calls by operation, and units."""

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0


class MemoryTable(Client):
    """A DynamoDB client that counts what its calls cost, with the stage's tables."""

    def __init__(self) -> None:
        super().__init__()
        for table in surroundings.described()[1]:
            self.engine.call("CreateTable", table.definition)
        self._spent = Spent()

    def spent(self) -> Spent:
        """Returns the cost of all calls so far."""
        return self._spent

    def forget_what_was_spent(self) -> None:
        """Resets all counts."""
        self._spent = Spent()

    def call(self, name: str, request: dict[str, Any]) -> Any:
        """Runs the operation of a method and adds its cost."""
        answer = super().call(name, {**request, "ReturnConsumedCapacity": "TOTAL"})
        consumed = answer.pop("ConsumedCapacity")
        units = sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed]))
        with self.engine.lock:
            self._spent.calls[METHODS[name]] += 1
            if "get" in name or name in ("query", "scan"):
                self._spent.read_units += units
            else:
                self._spent.write_units += units
        return answer


class _Tables(BaseManager):
    """Serves a table to other processes."""

    table: Callable[[], Any]  # made by `register`


_Tables.register("table", MemoryTable)


@contextmanager
def served() -> Iterator[Any]:
    """Yields a table that can be passed to child processes and used there like a client."""
    with _Tables(ctx=surroundings.FRESH) as manager:
        yield manager.table()
