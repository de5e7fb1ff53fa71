"""Adds up what calls to DynamoDB cost, from the ConsumedCapacity in its answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

_WRITES = frozenset(["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"])
_READS = frozenset(["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"])


class Events(Protocol):
    """Where botocore emits events: a session (for clients made later), or a client's `meta.events`."""

    def register(self, event_name: str, handler: Callable[..., Any]) -> None:
        """Calls `handler` at every event of that name."""


@dataclass
class Consumed:
    """Calls by operation, units written and units read, of every client that is watched.

    `nothing_read` are the units of items that were asked for in batches and are not there, and of queries that find
    nothing. DynamoDB charges for each as for the smallest item, a unit where it is read consistently, else half of one,
    and so does the embedded AWS; DynamoDB Local charges nothing.
    """

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0
    nothing_read: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, events: Events) -> None:
        """Requests and adds up the capacity of every call from now on."""
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._answered)

    def clear(self) -> None:
        """Resets all counts."""
        with self._lock:
            self.calls.clear()
            self.write_units, self.read_units, self.nothing_read = 0.0, 0.0, 0.0

    def _ask(self, **event: Any) -> None:
        operation, request = event["model"].name, event["params"]
        event["context"]["consistent"] = request.get("ConsistentRead", False)
        if operation in _WRITES | _READS:
            request.setdefault("ReturnConsumedCapacity", "INDEXES")
        keys = sum(len(table["Keys"]) for table in request.get("RequestItems", {}).values() if "Keys" in table)
        with self._lock:
            self.nothing_read += keys

    def _answered(self, **event: Any) -> None:
        operation, answer = event["model"].name, event["parsed"]
        units = _units(answer.get("ConsumedCapacity"))
        with self._lock:
            self.calls[operation] += 1
            self.nothing_read -= sum(map(len, answer.get("Responses", {}).values()))
            if answer.get("ScannedCount") == 0:
                self.nothing_read += 1 if event["context"].get("consistent") else 0.5
            if operation in _WRITES:
                self.write_units += units
            elif operation in _READS:
                self.read_units += units


def _units(consumed: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> float:
    """Returns the capacities of an answer: batches and transactions have one for each table."""
    tables = [consumed] if isinstance(consumed, Mapping) else consumed or ()
    return sum(float(table["CapacityUnits"]) for table in tables)
