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
_CALLED: Mapping[type, str] = {str: "text", int: "number", bool: "truth value", list: "list", set: "set", dict: "map"}


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
        """Reads an attribute by its type: text, whole number, boolean, list, set, enumeration, or one of `_STORED`."""
        value: Any = self._values.get(name)
        stored: Any = _STORED.get(kind) or (str if issubclass(kind, StrEnum) else kind)
        if type(value) is not stored:  # exact type: bool is a subclass of int
            raise self.malformed(name, "is missing" if value is None else f"is no {_CALLED[stored]}")
        if kind is Attributes:
            return cast(T, Attributes(value, self._item, f"{self._path}{name}."))
        is_time = kind in (datetime, Milliseconds)
        try:
            made: Any = from_epoch_milliseconds(value) if is_time else cast(Any, kind)(value)
        except ValueError:
            raise self.malformed(name, "is no time" if is_time else "is none of the known names") from None
        return cast(T, value if kind is Milliseconds else made)

    def optional(self, name: str, kind: type[T]) -> T | None:
        """Reads as `required`; None if the attribute is absent."""
        return self.required(name, kind) if name in self._values else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Reads a list of texts."""
        values = self.required(name, list)
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no list of texts")
        return tuple(values)

    def wholes(self, name: str) -> tuple[int, ...]:
        """Reads a list of whole numbers."""
        values = self.required(name, list)
        if not all(type(value) is int for value in values):
            raise self.malformed(name, "is no list of numbers")
        return tuple(values)

    def maps(self, name: str) -> list[Attributes]:
        """Reads a list of maps; empty if it is absent."""
        values: list[Any] = self.optional(name, list) or []
        if not all(type(value) is dict for value in values):
            raise self.malformed(name, "is no list of maps")
        return [Attributes(value, self._item, f"{self._path}{name}.") for value in values]

    def binary(self, name: str) -> bytes:
        """Reads binary data; empty if it is absent."""
        value = self._values.get(name, b"")
        if type(value) in (bytes, Binary):
            return bytes(value)
        raise self.malformed(name, "is no binary value")

    def text_set(self, name: str) -> set[str]:
        """Reads a set of texts; empty if it is absent."""
        values: set[Any] = self.optional(name, set) or set()
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no set of texts")
        return values

    def text_map(self, name: str) -> dict[str, str]:
        """Reads a map of texts; empty if it is absent."""
        values: dict[str, Any] = self.optional(name, dict) or {}
        if not all(type(value) is str for value in values.values()):
            raise self.malformed(name, "is no map of texts")
        return values

    def malformed(self, name: str, problem: str) -> MalformedItem:
        """Builds the error for the attribute `name`, whose `problem` is stated."""
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
