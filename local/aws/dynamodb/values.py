"""Attribute values: checking, canonical form, size.

A value is DynamoDB's own JSON, such as `{"S": "text"}`, with binary content as bytes. In canonical form numbers are
written as DynamoDB returns them and sets are sorted, so that two values are equal if their dicts are.
Values in canonical form are never changed in place.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .errors import DynamoError, invalid, invalid_value

Value = dict[str, Any]
Item = dict[str, Value]

TYPES = frozenset(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"])
MAX_DEPTH = 32
MAX_DIGITS = 38
MAX_NAME_BYTES = 65_535
_SURELY_SHORT = MAX_NAME_BYTES // 4
MAX_EXPONENT, MIN_EXPONENT = 125, -130
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)


def canonical_item(attributes: Any) -> Item:
    """Returns the attributes in canonical form, as a new dict. Raises DynamoError."""
    return _map(attributes, 0)


def canonical(value: Any, depth: int = 1) -> Value:
    """Returns the value in canonical form, as a new dict. Raises DynamoError."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise _serialization("Unexpected value type in payload")
    if len(value) != 1:
        raise invalid(_SEVERAL if value else _EMPTY)
    ((kind, content),) = value.items()
    if kind == "S" and type(content) is str:
        return {"S": content}
    make = _CANONICAL.get(kind)
    if make is None:
        raise invalid(_EMPTY)
    if depth > MAX_DEPTH:
        raise invalid("Nesting Levels have exceeded supported limits: Attributes cannot have more than 32 levels")
    return {kind: make(content, depth)}


def _serialization(message: str) -> DynamoError:
    return DynamoError("SerializationException", message)


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise _serialization("Unexpected field type")
    if not name:
        raise invalid_value("Item attribute names must not be empty")
    if text_size(name) > MAX_NAME_BYTES:
        raise invalid_value("Attribute name is too large, must be less than 65536 bytes")


def _string(content: Any, _depth: int = 0) -> str:
    if not isinstance(content, str):
        raise _serialization(f"{type(content).__name__.upper()} cannot be converted to String")
    return content


def _number(content: Any, _depth: int = 0) -> str:
    if not isinstance(content, str):
        raise _serialization(f"{type(content).__name__.upper()} cannot be converted to String")
    return canonical_number(content)


def _binary(content: Any, _depth: int = 0) -> bytes:
    if isinstance(content, str):  # of a request in JSON
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error:
            raise _serialization("Base64 encoded length is expected a multiple of 4 bytes") from None
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    if isinstance(getattr(content, "value", None), bytes | bytearray):  # boto3.dynamodb.types.Binary
        return bytes(content.value)
    raise _serialization(f"{type(content).__name__.upper()} cannot be converted to Blob")


def _boolean(content: Any, _depth: int = 0) -> bool:
    if not isinstance(content, bool):
        raise _serialization("Unexpected token received from parser")
    return content


def _null(content: Any, _depth: int = 0) -> bool:
    if content is not True:
        raise invalid_value("Null attribute value types must have the value of true")
    return True


def _list(content: Any, depth: int) -> list[Value]:
    if not isinstance(content, list | tuple):
        raise _serialization("Unexpected value type in payload")
    return [canonical(each, depth + 1) for each in content]


def _map(content: Any, depth: int) -> Item:
    if type(content) is not dict and not isinstance(content, Mapping):
        raise _serialization("Unexpected value type in payload")
    found: Item = {}
    for name, value in content.items():
        if type(name) is not str or not 0 < len(name) < _SURELY_SHORT:
            _check_name(name)
        found[name] = canonical(value, depth + 1)
    return found


def _set_of(kind: str, name: str, make: Callable[[Any], Any], order: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    def canonical_set(content: Any, _depth: int) -> list[Any]:
        if not isinstance(content, list | tuple | set | frozenset):
            raise _serialization("Unexpected value type in payload")
        if not content:
            raise invalid_value(f"An {name} set  may not be empty")
        elements = sorted((make(each) for each in content), key=order)
        if len(elements) != len(set(elements)):
            if kind == "NS":
                raise invalid("Input collection contains duplicates")
            shown = ", ".join(str(each) for each in content)
            raise invalid_value(f"Input collection [{shown}] contains duplicates.")
        return elements

    return canonical_set


@lru_cache(maxsize=4096)
def canonical_number(text: str) -> str:
    """Returns a number as DynamoDB writes it: all digits, no exponent. Raises DynamoError."""
    if len(text) <= MAX_DIGITS and text.isdigit() and text.isascii() and (text[0] != "0" or text == "0"):
        return text
    if not text:
        raise invalid("The parameter cannot be converted to a numeric value")
    if not _NUMBER.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return written(Decimal(text))


def written(number: Decimal) -> str:
    """Returns a number in DynamoDB's notation. Raises DynamoError when it is out of range or too precise."""
    if not number:
        return "0"
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise invalid("The parameter cannot be converted to a numeric value")
    significant = "".join(map(str, digits)).rstrip("0")
    if len(significant) > MAX_DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > MAX_EXPONENT:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.adjusted() < MIN_EXPONENT:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    exponent += len(digits) - len(significant)
    return format(Decimal((sign, tuple(map(int, significant)), exponent)), "f")


_CANONICAL: Mapping[str, Callable[[Any, int], Any]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _set_of("SS", "string", _string, str),
    "NS": _set_of("NS", "number", _number, Decimal),
    "BS": _set_of("BS", "binary", _binary, bytes),
}


def type_of(value: Value) -> str:
    """Returns a value's type, such as `S`."""
    return next(iter(value))


def item_size(item: Mapping[str, Value]) -> int:
    """Returns an item's bytes, as DynamoDB counts them."""
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def text_size(text: str) -> int:
    """Returns a text's bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def value_size(value: Value) -> int:
    """Returns a value's bytes, without its attribute's name."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def _number_size(content: str) -> int:
    digits = len(content.lstrip("-").replace(".", "").strip("0"))
    return (digits + 1) // 2 + 1 + content.startswith("-")


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": text_size,
    "N": _number_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": lambda content: 3 + sum(1 + value_size(each) for each in content),
    "M": lambda content: 3 + len(content) + item_size(content),
    "SS": lambda content: sum(map(text_size, content)),
    "NS": lambda content: sum(map(_number_size, content)),
    "BS": lambda content: sum(map(len, content)),
}


def copied(item: Mapping[str, Value]) -> Item:
    """Returns a copy of an item of which the receiver may change every part."""
    return {name: copied_value(value) for name, value in item.items()}


def copied_value(value: Value) -> Value:
    """Returns a copy of a value of which the receiver may change every part."""
    ((kind, content),) = value.items()
    if kind == "M":
        return {"M": copied(content)}
    if kind == "L":
        return {"L": [copied_value(each) for each in content]}
    return {kind: list(content) if type(content) is list else content}


def ordered(value: Value) -> Any:
    """Returns what a string, number or binary value is sorted by; None for other types."""
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    return content if kind in ("S", "B") else None
