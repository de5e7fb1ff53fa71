"""Tables and their indexes: items by key, and the sorted rows that queries and scans read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import DynamoError, invalid, invalid_value
from .key_conditions import KeyRange
from .rows import Entry, Rows
from .schema import Key, KeySchema, empty_key, empty_update
from .values import Item, Value, item_size, ordered, type_of

MAX_ITEM_BYTES = 400 * 1024


@dataclass
class Index:
    """A secondary index: the entries of all items that have its keys."""

    name: str
    schema: KeySchema
    is_global: bool
    definition: dict[str, Any]
    """As in CreateTable."""
    attributes: frozenset[str] | None = None
    """Its projected attributes; None: all."""
    rows: Rows = field(default_factory=Rows)

    def replace(self, key: Key, before: Item | None, after: Item | None) -> None:
        """Moves an item's entry."""
        old = self.schema.stored_key(before) if before is not None else None
        new = self.schema.stored_key(after) if after is not None else None
        if old == new:
            return
        if old is not None:
            self.rows.remove(old[0], (old[1], *key))
        if new is not None:
            self.rows.add(new[0], (new[1], *key))

    def view(self, item: Item) -> Item:
        """Returns the projected attributes of an item."""
        if self.attributes is None:
            return item
        return {name: value for name, value in item.items() if name in self.attributes}

    def check(self, item: Mapping[str, Value], updating: bool) -> None:
        """Checks that an item's attributes can be keys here. Raises DynamoError."""
        for name, kind in self.schema.keys:
            value = item.get(name)
            if value is None:
                continue
            if kind not in value:
                raise self._wrong_type(name, kind, value, updating)
            if kind != "N" and not value[kind]:
                raise empty_update(kind) if updating else empty_key(name, value, self.name)

    def _wrong_type(self, name: str, kind: str, value: Value, updating: bool) -> DynamoError:
        if updating:
            return invalid("The update expression attempted to update the secondary index key to unsupported type")
        return invalid_value(
            f"Type mismatch for Index Key {name} Expected: {kind} Actual: {type_of(value)} IndexName: {self.name}"
        )


@dataclass
class Table:
    """A table's items and its description."""

    name: str
    schema: KeySchema
    indexes: dict[str, Index]
    description: dict[str, Any]
    """DescribeTable's answer, without the numbers of items."""
    ttl_attribute: str | None = None
    recovery: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    _sizes: dict[Key, int] = field(default_factory=dict)

    def size_of(self, key: Key) -> int:
        """Returns the size in bytes of an existing item."""
        size = self._sizes.get(key)
        if size is None:
            size = self._sizes[key] = item_size(self.items[key])
        return size

    def store(self, key: Key, before: Item | None, after: Item | None) -> None:
        """Replaces the present item (`before`) by another one; None is no item."""
        self._sizes.pop(key, None)
        if after is None:
            if before is not None:
                del self.items[key]
                self.rows.remove(key[0], key[1:])
        else:
            self.items[key] = after
            if before is None:
                self.rows.add(key[0], key[1:])
        for index in self.indexes.values():
            index.replace(key, before, after)

    def check_item(self, item: Item, updating: bool = False) -> None:
        """Checks an item's index keys and its size. Raises DynamoError."""
        for index in self.indexes.values():
            index.check(item, updating)
        if item_size(item) > MAX_ITEM_BYTES:
            if updating:
                raise invalid("Item size to update has exceeded the maximum allowed size")
            raise invalid("Item size has exceeded the maximum allowed size")

    def index(self, name: str | None) -> Index | None:
        """Returns the index of that name, None for none. Raises DynamoError when there is no such index."""
        if name is None:
            return None
        if name not in self.indexes:
            raise invalid(f"The table does not have the specified index: {name}")
        return self.indexes[name]

    def in_range(self, index: Index | None, wanted: KeyRange, forward: bool, start: Item | None) -> Iterator[Key]:
        """Yields the keys of the items of a key range, after the one with the keys `start`."""
        rows = self.rows if index is None else index.rows
        hash_key = ordered(wanted.partition)
        bounds = rows.bounds(hash_key, wanted.operator, tuple(map(ordered, wanted.values)))
        after = None if start is None else self._place(index, start)[1]
        return _keys(index, rows.partition(hash_key, bounds, forward, after))

    def in_segment(self, index: Index | None, segment: int, segments: int, start: Item | None) -> Iterator[Key]:
        """Yields the keys of the items of a scan's segment, after the one with the keys `start`."""
        rows = self.rows if index is None else index.rows
        after = None if start is None else self._place(index, start)
        return _keys(index, rows.everything(segment, segments, after))

    def _place(self, index: Index | None, keys: Item) -> tuple[Any, Entry]:
        key = self.schema.key_of_item(keys)
        if index is None:
            return key[0], key[1:]
        own = index.schema.key_of_item(keys)
        return own[0], (own[1], *key)

    def keys_at(self, index: Index | None, item: Item) -> Item:
        """Returns the LastEvaluatedKey of an item."""
        names = self.schema.names if index is None else (*self.schema.names, *index.schema.names)
        return {name: item[name] for name in names}


def _keys(index: Index | None, entries: Iterator[tuple[Any, Entry]]) -> Iterator[Key]:
    """Yields the table's keys of entries."""
    if index is None:
        return ((hash_key, entry[0]) for hash_key, entry in entries)
    return ((entry[1], entry[2]) for _, entry in entries)
