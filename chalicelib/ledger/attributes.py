"""Reads items of the ledger by the types that their attributes must have.

The one place where an attribute that is missing or of the wrong type is found (`Attributes`), and the one where whoever
goes through many items passes over such an item (`well_formed`).
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
    """The attributes of an item, or of a map in one. Everything raises MalformedItem; what is optional may be absent.

    Times are stored as milliseconds since 1970.
    """

    __slots__ = ("_item", "_path", "_values")

    def __init__(self, values: Mapping[str, Any], item: Mapping[str, Any] | None = None, path: str = "") -> None:
        self._values = values
        self._item = values if item is None else item
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        """The names of all attributes."""
        return list(self._values)

    def text(self, name: str) -> str:
        """A text."""
        value = self._values.get(name)
        if type(value) is str:
            return value
        raise self._wrong(name, "text")

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        return self.text(name) if name in self._values else None

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self._values.get(name)
        if type(value) is int:  # exactly: a truth value is no number
            return value
        raise self._wrong(name, "number")

    def optional_whole(self, name: str) -> int | None:
        """A whole number, or None."""
        return self.whole(name) if name in self._values else None

    def flag(self, name: str) -> bool:
        """True or false; false if it is absent."""
        return self._value(name, bool, "truth value") if name in self._values else False

    def moment(self, name: str) -> datetime:
        """A time."""
        try:
            return from_epoch_milliseconds(self.whole(name))
        except ValueError:
            raise self.malformed(name, "is no time") from None

    def optional_moment(self, name: str) -> datetime | None:
        """A time, or None."""
        return self.moment(name) if name in self._values else None

    def milliseconds(self, name: str) -> int:
        """A time, as it is stored."""
        self.moment(name)
        return self.whole(name)

    def optional_milliseconds(self, name: str) -> int | None:
        """A time as it is stored, or None."""
        return self.milliseconds(name) if name in self._values else None

    def one_of(self, name: str, names: type[Name]) -> Name:
        """One of some names."""
        try:
            return names(self.text(name))
        except ValueError:
            raise self.malformed(name, "is none of the known names") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values: list[Any] = self._value(name, list, "list")
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no list of texts")
        return tuple(values)

    def text_set(self, name: str) -> set[str]:
        """A set of texts; empty if it is absent."""
        values: set[Any] = self._value(name, set, "set") if name in self._values else set()
        if not all(type(value) is str for value in values):
            raise self.malformed(name, "is no set of texts")
        return values

    def text_map(self, name: str) -> dict[str, str]:
        """Texts by name; none if it is absent."""
        values: dict[str, Any] = self._value(name, dict, "map") if name in self._values else {}
        if not all(type(value) is str for value in values.values()):
            raise self.malformed(name, "is no map of texts")
        return values

    def map(self, name: str) -> Attributes:
        """A map, whose attributes are read in the same way."""
        return Attributes(self._value(name, dict, "map"), self._item, f"{self._path}{name}.")

    def optional_map(self, name: str) -> Attributes | None:
        """A map, or None."""
        return self.map(name) if name in self._values else None

    def malformed(self, name: str, problem: str) -> MalformedItem:
        """The error that says what is wrong with an attribute."""
        return MalformedItem(str(self._item.get("pk")), str(self._item.get("sk")), f"{self._path}{name} {problem}")

    def _value(self, name: str, kind: type[T], called: str) -> T:
        value = self._values.get(name)
        if type(value) is kind:
            return value
        raise self._wrong(name, called)

    def _wrong(self, name: str, called: str) -> MalformedItem:
        return self.malformed(name, "is missing" if self._values.get(name) is None else f"is no {called}")


def well_formed(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T | None:
    """What `parse` makes of an item; None, a line in the log and a count if the item is malformed."""
    try:
        return parse(Attributes(item))
    except MalformedItem as error:
        logger.error(
            "malformed ledger item passed over", extra={"pk": error.pk, "sk": error.sk, "problem": error.problem}
        )
        metrics.count("malformed_items")
        return None


def strictly(parse: Callable[[Attributes], T], item: Mapping[str, Any]) -> T:
    """What `parse` makes of an item. Raises MalformedItem."""
    return parse(Attributes(item))
