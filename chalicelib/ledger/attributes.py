"""Reads attributes of ledger items with type checks.

`Attributes` detects missing attributes and wrong types. `well_formed` skips malformed items, for callers that read
many items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from ..domain.errors import MalformedItem
from ..domain.times import from_epoch_milliseconds
from ..observability import logger, metrics

T = TypeVar("T")
Name = TypeVar("Name", bound=StrEnum)


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

    def text(self, name: str) -> str:
        """Reads a text."""
        value = self._values.get(name)
        if type(value) is str:
            return value
        raise self._wrong(name, "text")

    def optional_text(self, name: str) -> str | None:
        """Reads a text; None if it is absent."""
        return self.text(name) if name in self._values else None

    def whole(self, name: str) -> int:
        """Reads a whole number."""
        value = self._values.get(name)
        if type(value) is int:  # exact type: bool is a subclass of int
            return value
        raise self._wrong(name, "number")

    def optional_whole(self, name: str) -> int | None:
        """Reads a whole number; None if it is absent."""
        return self.whole(name) if name in self._values else None

    def flag(self, name: str) -> bool:
        """Reads a boolean; False if it is absent."""
        return self._value(name, bool, "truth value") if name in self._values else False

    def moment(self, name: str) -> datetime:
        """Reads a time."""
        try:
            return from_epoch_milliseconds(self.whole(name))
        except ValueError:
            raise self.malformed(name, "is no time") from None

    def optional_moment(self, name: str) -> datetime | None:
        """Reads a time; None if it is absent."""
        return self.moment(name) if name in self._values else None

    def milliseconds(self, name: str) -> int:
        """Reads a time in milliseconds, as stored."""
        self.moment(name)
        return self.whole(name)

    def optional_milliseconds(self, name: str) -> int | None:
        """Reads a time in milliseconds, as stored; None if it is absent."""
        return self.milliseconds(name) if name in self._values else None

    def one_of(self, name: str, names: type[Name]) -> Name:
        """Reads a member of the enumeration `names`."""
        try:
            return names(self.text(name))
        except ValueError:
            raise self.malformed(name, "is none of the known names") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """Reads a list of texts."""
        values: list[Any] = self._value(name, list, "list")
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no list of texts")
        return tuple(values)

    def text_set(self, name: str) -> set[str]:
        """Reads a set of texts; empty if it is absent."""
        values: set[Any] = self._value(name, set, "set") if name in self._values else set()
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no set of texts")
        return values

    def text_map(self, name: str) -> dict[str, str]:
        """Reads a map of texts; empty if it is absent."""
        values: dict[str, Any] = self._value(name, dict, "map") if name in self._values else {}
        if not all(type(value) is str for value in values.values()):
            raise self.malformed(name, "is no map of texts")
        return values

    def map(self, name: str) -> Attributes:
        """Reads a map as `Attributes`."""
        return Attributes(self._value(name, dict, "map"), self._item, f"{self._path}{name}.")

    def optional_map(self, name: str) -> Attributes | None:
        """Reads a map as `Attributes`; None if it is absent."""
        return self.map(name) if name in self._values else None

    def malformed(self, name: str, problem: str) -> MalformedItem:
        """Builds the error for the attribute `name`, whose `problem` is stated."""
        return MalformedItem(str(self._item.get("pk")), str(self._item.get("sk")), f"{self._path}{name} {problem}")

    def _value(self, name: str, kind: type[T], called: str) -> T:
        value = self._values.get(name)
        if type(value) is kind:
            return value
        raise self._wrong(name, called)

    def _wrong(self, name: str, called: str) -> MalformedItem:
        return self.malformed(name, "is missing" if self._values.get(name) is None else f"is no {called}")


def well_formed(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T | None:
    """Parses an item; logs and counts a malformed one and returns None."""
    try:
        return parse(Attributes(item))
    except MalformedItem as error:
        logger.error(
            "malformed ledger item passed over", extra={"pk": error.pk, "sk": error.sk, "problem": error.problem}
        )
        metrics.count("malformed_items")
        return None


def strictly(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T:
    """Parses an item. Raises MalformedItem."""
    return parse(Attributes(item))
