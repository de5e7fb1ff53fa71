"""Cures for moto's DynamoDB: right answers are kept, work that grows with the table or is done twice is not.

Each cure says what it cures; `tests/local/test_aws_dynamodb.py` holds moto's own answers against the cured ones. All of
them rely on the server running one request at a time (see `server.py`), which is itself the cure for moto's races:
under threads two conditional puts of one key can both win.
"""

from __future__ import annotations

import base64
import copy
import functools
import inspect
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from local.aws import dynamodb_updates

# Operations whose results are already in the wire's shape, so that json.dumps says the same as moto's serializer.
_ITEM_OPERATIONS = frozenset(
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"]
)


def cure() -> None:
    """Patch moto's DynamoDB in this process."""
    _serialize_items_directly()
    _remember_parsed_expressions()
    _query_without_sorting_the_table()
    _scan_segments_without_sorting_the_table()
    _roll_back_touched_items_only()
    dynamodb_updates.cure()


def _table_class() -> Any:
    # Any, here and below: what is patched is moto's inside, which its types do not speak of.
    return import_module("moto.dynamodb.models.table").Table


def _serialize_items_directly() -> None:
    """moto walks the service model for every attribute of every answer: 0.6 ms for a small item."""
    responses: Any = import_module("moto.dynamodb.responses")
    by_the_model = responses.DynamoHandler.serialized

    def serialized(self: Any, result: Any) -> Any:
        if not isinstance(result, responses.DynamoResult) or self._get_action() not in _ITEM_OPERATIONS:
            return by_the_model(self, result)
        headers = {"Content-Type": "application/x-amz-json-1.0", **self.response_headers}
        return 200, headers, json.dumps(result.result, default=_to_wire)

    responses.DynamoHandler.serialized = serialized


def _to_wire(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"moto answered with a {type(value).__name__}")


def _remember_parsed_expressions() -> None:
    """Expressions are few and parsing one costs 1 ms; neither result is changed by what moto does with it."""
    updates: Any = import_module("moto.dynamodb.parsing.expressions").UpdateExpressionParser
    updates.make = staticmethod(functools.lru_cache(maxsize=512)(updates.make))

    conditions: Any = import_module("moto.dynamodb.comparisons").ConditionExpressionParser
    lex = conditions._lex_condition_expression

    @functools.lru_cache(maxsize=512)
    def lexed(expression: str) -> tuple[Any, ...]:
        return tuple(lex(conditions(expression, None, None)))

    def remembered(self: Any) -> deque[Any]:
        return deque(lexed(self.condition_expression))

    conditions._lex_condition_expression = remembered


def _query_without_sorting_the_table() -> None:
    """moto looks at every item of the table for each Query; hand it only those that can be in the answer."""
    tables = _table_class()
    _note_what_is_written(tables)
    query = tables.query
    bound = inspect.signature(query).bind

    def narrowed(self: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        everything = self.items
        index_name = bound(self, hash_key, *args, **kwargs).arguments.get("index_name")  # moto gives it by position
        conditions = kwargs.get("hash_key_conditions") if index_name else None
        if index_name and not conditions:
            return query(self, hash_key, *args, **kwargs)
        self.items = (
            _indexed(self, conditions) if conditions else {k: everything[k] for k in [hash_key] if k in everything}
        )
        try:
            return query(self, hash_key, *args, **kwargs)
        finally:
            self.items = everything

    tables.query = narrowed


def _note_what_is_written(tables: Any) -> None:
    """Keep, beside each table, which items may stand in which partition of an index; see `_indexed`."""
    backend: Any = import_module("moto.dynamodb.models").DynamoDBBackend
    put, update = tables.put_item, backend.update_item

    def put_item(self: Any, *args: Any, **kwargs: Any) -> Any:
        item = put(self, *args, **kwargs)
        _note(self, item)
        return item

    def update_item(self: Any, table_name: str, *args: Any, **kwargs: Any) -> Any:
        item = update(self, table_name, *args, **kwargs)
        _note(self.get_table(table_name), item)
        return item

    tables.put_item, backend.update_item = put_item, update_item


def _note(table: Any, item: Any) -> None:
    for name, places in getattr(table, "partitions", {}).items():
        if name in item.attrs:
            places[item.attrs[name]][item.hash_key, item.range_key] = None


def _partition(table: Any, name: str, value: Any) -> dict[tuple[Any, Any], None]:
    """Keys of all items whose attribute `name` has this value, and perhaps of some that had it."""
    if not hasattr(table, "partitions"):
        table.partitions = {}
    if name not in table.partitions:
        table.partitions[name] = defaultdict(dict)
        for item in table.all_items():
            _note(table, item)
    found: dict[tuple[Any, Any], None] = table.partitions[name][value]
    return found


def _indexed(table: Any, conditions: Iterable[tuple[str, Any]]) -> Mapping[Any, Any]:
    """The table's items that have these values, in the same nesting."""
    wanted = list(conditions)
    places = _partition(table, *wanted[0])
    found: dict[Any, Any] = defaultdict(dict) if table.range_key_attr else {}
    for hash_key, sort_key in list(places):
        items = table.items.get(hash_key)
        item = items.get(sort_key) if table.range_key_attr and items else items
        if not item or not _has(item, *wanted[0]):
            del places[hash_key, sort_key]
        elif all(_has(item, name, value) for name, value in wanted[1:]):
            if table.range_key_attr:
                found[hash_key][sort_key] = item
            else:
                found[hash_key] = item
    return found


def _has(item: Any, name: str, value: Any) -> bool:
    return name in item.attrs and bool(item.attrs[name] == value)


def _scan_segments_without_sorting_the_table() -> None:
    """moto sorts the whole table for each page of each segment, and compares by rules: 2 s at 25,000 items."""
    tables = _table_class()
    scan = tables.scan

    def narrowed(self: Any, *args: Any, segments: tuple[Any, Any] = (None, None), **kwargs: Any) -> Any:
        everything = self.items
        if segments != (None, None):
            self.items = {k: v for k, v in everything.items() if v and _an_item(v).is_within_segment(segments)}
        try:
            return scan(self, *args, segments=segments, **kwargs)
        finally:
            self.items = everything

    def all_items(self: Any) -> list[Any]:
        items = (item for found in self.items.values() for item in (found.values() if self.range_key_attr else [found]))
        return sorted(items, key=lambda item: [key.cast_value for key in (item.hash_key, item.range_key) if key])

    tables.scan, tables.all_items = narrowed, all_items


def _an_item(found: Any) -> Any:
    """Any item of a partition: of a table without a sort key it is the item."""
    return next(iter(found.values())) if isinstance(found, dict) else found


def _roll_back_touched_items_only() -> None:
    """moto copies whole tables before each transaction (127 ms at 5,000 items) and swaps them back when it fails."""
    backend: Any = import_module("moto.dynamodb.models").DynamoDBBackend
    tables = _table_class()
    transact = backend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        undo = [step for item in transact_items for step in _undo_steps(self, item)]
        tables.__deepcopy__ = lambda table, memo: table
        try:
            transact(self, transact_items)
        except BaseException:
            for step in undo:
                step()
            raise
        finally:
            del tables.__deepcopy__

    backend.transact_write_items = transact_write_items


def _undo_steps(backend: Any, transact_item: Mapping[str, Mapping[str, Any]]) -> list[Callable[[], None]]:
    """What puts back the items that one transaction item may change; nothing for what moto will refuse anyway."""
    dynamo_type: Any = import_module("moto.dynamodb.models.dynamo_type").DynamoType
    steps: list[Callable[[], None]] = []
    for operation in transact_item.values():
        table = backend.tables.get(operation.get("TableName"))
        key = operation.get("Key") or operation.get("Item") or {}
        if table is None or table.hash_key_attr not in key:
            continue
        hash_key = dynamo_type(key[table.hash_key_attr])
        sort_key = dynamo_type(key[table.range_key_attr]) if table.range_key_attr in key else None
        before = copy.deepcopy(table.get_item(hash_key, sort_key)) if sort_key or not table.range_key_attr else None
        steps.append(functools.partial(_put_back, table, hash_key, sort_key, before))
    return steps


def _put_back(table: Any, hash_key: Any, sort_key: Any, before: Any) -> None:
    if before is None:
        table.delete_item(hash_key, sort_key)
    elif sort_key:
        table.items[hash_key][sort_key] = before
    else:
        table.items[hash_key] = before
