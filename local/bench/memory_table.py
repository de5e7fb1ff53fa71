"""A table in the memory of a process of its own, for more events than an emulator gets through in minutes.

It stands where the product has its DynamoDB client, so that only the product's own growth is measured: an operation
costs the same however much the table holds. It knows what a signup's delivery asks for and refuses everything else. It
counts units by the published rules; a test holds its counts against DynamoDB Local's.
"""

from __future__ import annotations

import math
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.managers import BaseManager
from typing import Any

from botocore.exceptions import ClientError

from local.aws.dynamodb_updates import simple_update
from local.bench.capacity import READ_UNIT, WRITE_UNIT, size

Item = dict[str, Any]


@dataclass
class Spent:
    """Calls by operation, and units."""

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0


class MemoryTable:
    """Items by `pk` and `sk`, with the index `due` that holds keys alone."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}
        self._spent = Spent()
        self._lock = threading.Lock()

    def spent(self) -> Spent:
        """What everything so far has cost."""
        return self._spent

    def forget_what_was_spent(self) -> None:
        """Count from nothing."""
        self._spent = Spent()

    def put_item(self, **request: Any) -> dict[str, Any]:
        """PutItem."""
        with self._lock:
            key, item = _key(request["Item"]), request["Item"]
            self._check(request, self._items.get(key))
            self._write("PutItem", self._items.get(key), item)
            self._items[key] = item
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """UpdateItem, of updates that set or remove whole attributes or add to a set."""
        with self._lock:
            key = _key(request["Key"])
            before = self._items.get(key)
            self._check(request, before)
            after = _updated(before or request["Key"], request)
            self._write("UpdateItem", before, after)
            self._items[key] = after
        return {"Attributes": after}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """GetItem, consistent."""
        with self._lock:
            self._spent.calls["GetItem"] += 1
            found = self._read(request["Key"])
        return {} if found is None else {"Item": found}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """BatchGetItem of one table, consistent."""
        ((name, wanted),) = request["RequestItems"].items()
        with self._lock:
            self._spent.calls["BatchGetItem"] += 1
            found = [item for key in wanted["Keys"] if (item := self._read(key)) is not None]
        return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def _read(self, key: Item) -> Item | None:
        found = self._items.get(_key(key))
        self._spent.read_units += math.ceil(size(found) / READ_UNIT) if found else 1
        return found

    def _write(self, operation: str, before: Item | None, after: Item) -> None:
        self._spent.calls[operation] += 1
        largest = max(size(each) for each in (before, after) if each)
        self._spent.write_units += math.ceil(largest / WRITE_UNIT) + _index_writes(before or {}, after)

    def _check(self, request: Mapping[str, Any], found: Item | None) -> None:
        condition = request.get("ConditionExpression")
        if condition and not all(_holds(clause, found or {}, request) for clause in condition.split(" AND ")):
            error: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, "Item": found or {}}
            raise ClientError(error, "UpdateItem")


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _index_writes(before: Item, after: Item) -> int:
    """An entry that comes or goes is a write; one whose keys change goes and comes."""
    old, new = ([item.get(name) for name in ("due_pk", "due_at")] for item in (before, after))
    return 0 if old == new else (None not in old) + (None not in new)


def _holds(clause: str, item: Item, request: Mapping[str, Any]) -> bool:
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    if clause.startswith("attribute_not_exists(") and clause.endswith(")"):
        name = clause[len("attribute_not_exists(") : -1]
        return names.get(name, name) not in item
    name, equals, value = clause.partition(" = ")
    if not equals or " " in value:
        raise ValueError(f"not known here: the condition {clause}")
    return names.get(name, name) in item and item[names.get(name, name)] == values[value]


def _updated(item: Item, request: Mapping[str, Any]) -> Item:
    change, values = request["UpdateExpression"], request.get("ExpressionAttributeValues", {})
    names = request.get("ExpressionAttributeNames", {})
    simple = simple_update(change)
    if simple is not None:
        gone = {names.get(name, name) for name in simple.removes}
        kept = {name: value for name, value in item.items() if name not in gone}
        return kept | {names.get(name, name): values[value] for name, value in simple.sets}
    verb, *rest = change.split(" ")
    if verb != "ADD" or len(rest) != 2:
        raise ValueError(f"not known here: the update {change}")
    name, value = rest
    added = sorted({*item.get(name, {"SS": []})["SS"], *values[value]["SS"]})
    return {**item, name: {"SS": added}}


class _Tables(BaseManager):
    """Serves a table to other processes."""

    table: Callable[[], Any]  # made by `register`


_Tables.register("table", MemoryTable)


@contextmanager
def served() -> Iterator[Any]:
    """A table, as what can be handed to processes of this one and used there like a client."""
    with _Tables(ctx=multiprocessing.get_context("spawn")) as manager:
        yield manager.table()
