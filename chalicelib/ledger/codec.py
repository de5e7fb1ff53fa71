"""Converts plain Python values to DynamoDB items and back: whole numbers as `int`, absent instead of null."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts plain values to a DynamoDB item (or expression values); omits None values."""
    return {name: _serialize(value) for name, value in values.items() if value is not None}


def unpack(item: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a DynamoDB item to plain values."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
