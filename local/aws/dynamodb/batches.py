"""BatchGetItem and BatchWriteItem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import capacity
from .capacity import Units
from .database import Answer, Database, Request
from .errors import invalid
from .paths import Tree, projected
from .reads import projection_tree
from .schema import Key
from .tables import Table
from .values import Item
from .writes import Write, delete, put

MAX_GETS, MAX_WRITES = 100, 25
MAX_ANSWER_BYTES = 16 * 1024 * 1024


def batch_get_item(database: Database, request: Request) -> Answer:
    """Returns up to a hundred items of one or more tables, unordered; those over 16 MB stay unprocessed."""
    kind = capacity.wanted(request)
    wanted: dict[str, Any] = request.get("RequestItems") or {}
    if not wanted:
        raise _empty("requestItems")
    if sum(len(each.get("Keys") or ()) for each in wanted.values()) > MAX_GETS:
        raise invalid("Too many items requested for the BatchGetItem call")
    parts = [_Gets(database, name, each) for name, each in wanted.items()]
    left = MAX_ANSWER_BYTES
    for part in parts:
        left = part.read(left)
    answer: Answer = {
        "Responses": {part.name: part.found for part in parts},
        "UnprocessedKeys": {part.name: part.unprocessed() for part in parts if part.left},
    }
    if kind:
        answer["ConsumedCapacity"] = [part.units.shown(kind) for part in parts]
    return answer


def _empty(parameter: str) -> Exception:
    return invalid(
        f"1 validation error detected: Value '{{}}' at '{parameter}' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


class _Gets:
    """The part of a BatchGetItem for one table."""

    def __init__(self, database: Database, name: str, request: dict[str, Any]) -> None:
        if "AttributesToGet" in request:
            raise invalid("The legacy parameter AttributesToGet is not supported here; use ProjectionExpression")
        self.name = name
        self.request = request
        self.table: Table = database.table(name)
        self.tree: Tree | None = projection_tree(request)
        self.keys = [(self.table.schema.key_of_request(key)[0], key) for key in request["Keys"]]
        if not self.keys:
            raise _empty(f"requestItems.{name}.member.keys")
        if len({key for key, _ in self.keys}) < len(self.keys):
            raise invalid("Provided list of item keys contains duplicates")
        self.found: list[Item] = []
        self.left: list[Any] = []
        self.units = Units(self.table)

    def read(self, room: int) -> int:
        """Reads as many items as fit into `room` bytes; returns the remaining bytes."""
        consistent = bool(self.request.get("ConsistentRead"))
        for key, given in self.keys:
            item = self.table.items.get(key)
            size = 0 if item is None else self.table.size_of(key)
            if self.left or size > room:
                self.left.append(given)
                continue
            room -= size
            self.units.own += capacity.read_units(size, consistent)
            if item is not None:
                self.found.append(item if self.tree is None else projected(item, self.tree))
        return room

    def unprocessed(self) -> dict[str, Any]:
        """Returns the request for the unread items."""
        return {**self.request, "Keys": self.left}


def batch_write_item(database: Database, request: Request) -> Answer:
    """Puts and deletes up to 25 items, independently and without conditions."""
    kind = capacity.wanted(request)
    wanted: dict[str, list[dict[str, Any]]] = request.get("RequestItems") or {}
    if not wanted or not all(wanted.values()):
        raise _empty("requestItems")
    if sum(map(len, wanted.values())) > MAX_WRITES:
        raise invalid("Too many items requested for the BatchWriteItem call")
    writes = list(_writes(database, wanted))
    places: set[tuple[str, Key]] = {(write.table.name, write.key) for write in writes}
    if len(places) < len(writes):
        raise invalid("Provided list of item keys contains duplicates")
    units: dict[str, Units] = {}
    for write in writes:
        before = write.before()
        after = write.after(before)
        write.table.store(write.key, before, after)
        if kind:
            units.setdefault(write.table.name, Units(write.table)).add(capacity.of_write(write.table, before, after))
    answer: Answer = {"UnprocessedItems": {}}
    if kind:
        answer["ConsumedCapacity"] = [each.shown(kind) for each in units.values()]
    return answer


def _writes(database: Database, wanted: dict[str, list[dict[str, Any]]]) -> Iterator[Write]:
    for name, requests in wanted.items():
        for request in requests:
            if len(request) != 1:
                raise invalid(
                    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
                    "supported datatypes"
                )
            if "PutRequest" in request:
                yield put(database, {"TableName": name, "Item": request["PutRequest"]["Item"]})
            else:
                yield delete(database, {"TableName": name, "Key": request["DeleteRequest"]["Key"]})
