"""Reads attributes of ledger items with type checks.

`Attributes` detects missing attributes and wrong types. `strictly` is for callers that need one item, `well_formed` for
those that read many and pass over the malformed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from boto3.dynamodb.types import Binary

from ..domain.errors import MalformedItem
from ..domain.times import from_epoch_milliseconds
from ..observability import logger, metrics

T = TypeVar("T")
_CALLED: Mapping[type, str] = {str: "string", int: "number", bool: "boolean", list: "list", set: "set", dict: "map"}


class Milliseconds(int):
    """A time in milliseconds since 1970, as stored: a plain `int`, checked to be a time."""


class Attributes:
    """Reads the attributes of an item, or of a map in an item.

    Every method raises MalformedItem; optional attributes may be absent. Times are stored as milliseconds since 1970.
    """

    __slots__ = ("_item", "_path", "_values")

    def __init__(self, values: Mapping[str, Any], item: Mapping[str, Any] | None = None, path: str = "") -> None:
        self._values = values
        self._item = values if item is None else item
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        """Returns the names of all attributes."""
        return list(self._values)

    def required(self, name: str, kind: type[T]) -> T:
        """Reads an attribute by its type.

        That is text, whole number, boolean, list, set, enumeration, one of `_STORED`, or a list, set or map whose
        members are of one type, as in `list[str]`.
        """
        value: Any = self._values.get(name)
        collection = getattr(kind, "__origin__", None)
        stored: Any = collection or _STORED.get(kind) or (str if issubclass(kind, StrEnum) else kind)
        if type(value) is not stored:  # exact type: bool is a subclass of int
            raise self.malformed(name, "is missing" if value is None else f"is not a {_CALLED[stored]}")
        within = f"{self._path}{name}."
        if collection is not None:
            of = cast(Any, kind).__args__[-1]
            if not all(type(one) is _STORED.get(of, of) for one in (value.values() if stored is dict else value)):
                raise self.malformed(name, f"is not a {_CALLED[stored]} of {_CALLED[_STORED.get(of, of)]}s")
            return cast(T, [Attributes(one, self._item, within) for one in value] if of is Attributes else value)
        if kind is Attributes:
            return cast(T, Attributes(value, self._item, within))
        is_time = kind in (datetime, Milliseconds)
        try:
            made: Any = from_epoch_milliseconds(value) if is_time else cast(Any, kind)(value)
        except ValueError:
            raise self.malformed(name, "is not a time" if is_time else "is none of the known names") from None
        return cast(T, value if kind is Milliseconds else made)

    def optional(self, name: str, kind: type[T]) -> T | None:
        """Reads as `required`; None if the attribute is absent."""
        return self.required(name, kind) if name in self._values else None

    def binary(self, name: str) -> bytes:
        """Reads binary data; empty if it is absent."""
        value = self._values.get(name, b"")
        if type(value) in (bytes, Binary):
            return bytes(value)
        raise self.malformed(name, "is not binary")

    def malformed(self, name: str, problem: str) -> MalformedItem:
        """Builds the error for the attribute `name`; `problem` says what is wrong with it, such as "is missing"."""
        return MalformedItem(str(self._item.get("pk")), str(self._item.get("sk")), f"{self._path}{name} {problem}")


_STORED: Mapping[type, type] = {datetime: int, Milliseconds: int, Attributes: dict}
"""Types of attributes that are stored as another type: times, and a map, which is read as `Attributes`."""


def strictly(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T:
    """Parses an item; logs and counts a malformed one and raises MalformedItem."""
    try:
        return parse(Attributes(item))
    except MalformedItem as error:
        _report(error)
        raise


def well_formed(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T | None:
    """Parses an item; logs and counts a malformed one and returns None."""
    try:
        return parse(Attributes(item))
    except MalformedItem as error:
        _report(error)
        return None


def _report(error: MalformedItem) -> None:
    logger.error("malformed ledger item", extra={"pk": error.pk, "sk": error.sk, "problem": error.problem})
    metrics.count("malformed_items")
