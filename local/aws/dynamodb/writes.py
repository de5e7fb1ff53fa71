"""PutItem, UpdateItem and DeleteItem, alone and as parts of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import capacity
from .bindings import Bindings, Condition, ResolvedPath, bind
from .database import Answer, Database, Request, choice, condition_of, refuse_legacy
from .errors import condition_failed, invalid, invalid_value
from .paths import projected, tree_of
from .schema import Key
from .tables import Table
from .updates import Update, compile_update
from .values import Item, canonical_item


@dataclass(slots=True)
class Write:
    """A checked request to change one item: its condition, and how the item changes."""

    table: Table
    key: Key
    condition: Condition | None
    bindings: Bindings
    change: Callable[[Item | None], Item | None]
    shows_item: bool
    """True if an error about the condition contains the present item."""
    paths: list[ResolvedPath]
    """The paths that an update changes."""

    def before(self) -> Item | None:
        """Returns the present item."""
        return self.table.items.get(self.key)

    def after(self, before: Item | None) -> Item | None:
        """Returns the changed item. Raises DynamoError, also when the condition is not met."""
        if self.condition is not None and not self.condition.test(before or {}, self.bindings):
            raise condition_failed(before if self.shows_item else None)
        return self.change(before)


def put_item(database: Database, request: Request) -> Answer:
    """Stores an item in place of any other with its key."""
    returned = choice(request, "ReturnValues", ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))
    if returned not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _carry_out(put(database, request), request, returned)


def update_item(database: Database, request: Request) -> Answer:
    """Changes an item, or creates one."""
    returned = choice(request, "ReturnValues", ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))
    return _carry_out(update(database, request), request, returned)


def delete_item(database: Database, request: Request) -> Answer:
    """Deletes an item, if it exists."""
    returned = choice(request, "ReturnValues", ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))
    if returned not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _carry_out(delete(database, request), request, returned)


def _carry_out(write: Write, request: Request, returned: str) -> Answer:
    kind = capacity.wanted(request)
    choice(request, "ReturnItemCollectionMetrics", ("NONE", "SIZE"))
    before = write.before()
    after = write.after(before)
    write.table.store(write.key, before, after)
    answer: Answer = {}
    if returned != "NONE":
        attributes = _returned(write, returned, before, after)
        if attributes:
            answer["Attributes"] = attributes
    if kind:
        answer["ConsumedCapacity"] = capacity.of_write(write.table, before, after).shown(kind)
    return answer


def _returned(write: Write, returned: str, before: Item | None, after: Item | None) -> Item | None:
    item = before if returned.endswith("OLD") else after
    if item is None or returned.startswith("ALL"):
        return item
    return projected(item, tree_of(write.paths))


def put(database: Database, request: Request) -> Write:
    """Checks a PutItem. Raises DynamoError."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    condition = condition_of(request)
    bindings = bind(request, (condition,))
    item = canonical_item(request["Item"])
    key = table.schema.key_of_item(item)
    table.check_item(item)
    return Write(table, key, condition, bindings, lambda _: item, _shows_item(request), [])


def delete(database: Database, request: Request) -> Write:
    """Checks a DeleteItem. Raises DynamoError."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    condition = condition_of(request)
    bindings = bind(request, (condition,))
    key, _ = table.schema.key_of_request(request["Key"])
    return Write(table, key, condition, bindings, lambda _: None, _shows_item(request), [])


def check(database: Database, request: Request) -> Write:
    """Checks a transaction's ConditionCheck. Raises DynamoError."""
    write = delete(database, request)
    if write.condition is None:
        raise invalid("The expression can not be empty;")
    write.change = lambda before: before
    return write


def update(database: Database, request: Request) -> Write:
    """Checks an UpdateItem. Raises DynamoError."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    text = request.get("UpdateExpression")
    update = None if text is None else compile_update(text)
    condition = condition_of(request)
    bindings = bind(request, (update, condition))
    key, attributes = table.schema.key_of_request(request["Key"])
    paths = [] if update is None else update.paths(bindings)
    for path in paths:
        if path[0] in table.schema.names:
            raise invalid_value(f"Cannot update attribute {path[0]}. This attribute is part of the key")
    change = _changing(table, attributes, update, bindings)
    return Write(table, key, condition, bindings, change, _shows_item(request), paths)


def _changing(
    table: Table, key: Item, update: Update | None, bindings: Bindings
) -> Callable[[Item | None], Item | None]:
    def changed(before: Item | None) -> Item:
        item = key if before is None else before
        if update is None:
            return item
        after = update.apply(item, bindings)
        table.check_item(after, updating=True)
        return after

    return changed


def _shows_item(request: Request) -> bool:
    return choice(request, "ReturnValuesOnConditionCheckFailure", ("NONE", "ALL_OLD")) == "ALL_OLD"
