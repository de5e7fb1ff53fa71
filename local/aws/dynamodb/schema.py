"""Key schemas: the attributes that identify an item in a table and order it in an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import DynamoError, invalid, invalid_value
from .values import Item, Value, canonical, ordered, text_size, type_of

Key = tuple[Any, Any]
"""Partition key and sort key of an item, as they are sorted; without a sort key in the schema that is `""`."""

MAX_HASH_BYTES, MAX_RANGE_BYTES = 2048, 1024
_MISMATCH = "The provided key element does not match the schema"


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names and types of the partition key and, if there is one, the sort key."""

    hash_name: str
    hash_type: str
    range_name: str | None = None
    range_type: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the key attributes."""
        return (self.hash_name,) if self.range_name is None else (self.hash_name, self.range_name)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the key attributes."""
        if self.range_name is None or self.range_type is None:
            return ((self.hash_name, self.hash_type),)
        return ((self.hash_name, self.hash_type), (self.range_name, self.range_type))

    def key_of_item(self, item: Item) -> Key:
        """Returns the key of an item that is to be stored. Raises DynamoError."""
        return (
            _key_value(item, self.hash_name, self.hash_type, MAX_HASH_BYTES),
            _key_value(item, self.range_name, self.range_type, MAX_RANGE_BYTES) if self.range_name else "",
        )

    def key_of_request(self, key: Any) -> tuple[Key, Item]:
        """Returns the key that a request names, and its attributes in canonical form. Raises DynamoError."""
        if not isinstance(key, Mapping) or len(key) != len(self.names):
            raise invalid(_MISMATCH)
        attributes = {name: canonical(value) for name, value in key.items()}
        for name, kind in self.keys:
            if name not in attributes or type_of(attributes[name]) != kind:
                raise invalid(_MISMATCH)
        return self.key_of_item(attributes), attributes

    def stored_key(self, item: Mapping[str, Value]) -> Key | None:
        """Returns a stored item's key in this schema; None if it lacks an attribute."""
        one = item.get(self.hash_name)
        if one is None:
            return None
        if self.range_name is None:
            return ordered(one), ""
        two = item.get(self.range_name)
        return None if two is None else (ordered(one), ordered(two))


def _key_value(item: Item, name: str, kind: str | None, most_bytes: int) -> Any:
    value = item.get(name)
    if value is None:
        raise invalid_value(f"Missing the key {name} in the item")
    content = value.get(kind or "")
    if content is None:
        raise invalid_value(f"Type mismatch for key {name} expected: {kind} actual: {type_of(value)}")
    if kind == "N":
        return ordered(value)
    if not content:
        raise empty_key(name, value)
    if (text_size(content) if kind == "S" else len(content)) > most_bytes:
        if most_bytes == MAX_HASH_BYTES:
            raise invalid_value("Size of hashkey has exceeded the maximum size limit of2048 bytes")
        raise invalid_value("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
    return content


def empty_key(name: str, value: Value, index: str | None = None) -> DynamoError:
    """Returns the error about an empty key."""
    which = f"IndexName: {index}, IndexKey: {name}" if index else f"Key: {name}"
    return invalid(
        "One or more parameter values are not valid. "
        + ("A value specified for a secondary index key is not supported. " if index else "")
        + "The AttributeValue for a key attribute cannot contain an "
        + f"empty {'string' if 'S' in value else 'binary'} value. {which}"
    )


def empty_update(kind: str) -> DynamoError:
    """Returns the error about an update that makes an index's key empty."""
    return invalid(
        "One or more parameter values are not valid. The update expression attempted to update a secondary index key "
        "to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty "
        f"{'string' if kind == 'S' else 'binary'} value."
    )
