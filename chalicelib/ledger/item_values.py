"""Converts plain values to DynamoDB's items and back: whole numbers are `int`, None is an absent attribute."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer


class _Deserializer(TypeDeserializer):
    """Returns numbers as `int`: the ledger has no others, and boto3's `Decimal` would have to be converted again."""

    def _deserialize_n(self, value: str) -> int:
        return int(Decimal(value))


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts plain values to a DynamoDB item (or expression values); omits None values."""
    return {
        name: {"S": value} if type(value) is str else _packed(value)
        for name, value in values.items()
        if value is not None
    }


def _packed(value: Any) -> dict[str, Any]:
    """Converts one value as boto3 does, without the ten types that boto3 tries in turn for each value of every item."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    if kind is dict:
        return {"M": {name: _packed(each) for name, each in value.items()}}
    if kind is list:
        return {"L": [_packed(each) for each in value]}
    return dict(_serialize(value))


def unpack(item: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a DynamoDB item to plain values."""
    return {name: _deserialize(value) for name, value in item.items()}
