"""Values of the placeholders in a request's expressions, and the checks that all expressions share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import DynamoError, invalid
from .syntax import Path
from .values import Item, Value, canonical

Names = Mapping[str, str]
ResolvedPath = tuple[str | int, ...]
_PLACEHOLDER = re.compile(r"[#:][A-Za-z0-9_]+", re.ASCII)
NONE: Mapping[str, Any] = {}


class Bindings:
    """Names by `#name` and values, in canonical form, by `:value`."""

    __slots__ = ("names", "values")

    def __init__(self, names: Names = NONE, values: Mapping[str, Value] = NONE) -> None:
        self.names = names
        self.values = values

    def path(self, path: Path) -> ResolvedPath:
        """Returns a path without placeholders."""
        return tuple(self.names[each] if isinstance(each, str) and each[0] == "#" else each for each in path.elements)


Check = Callable[[Bindings], None]
Evaluate = Callable[[Item, Bindings], "Value | None"]
"""Returns an operand's value for an item; None without such an attribute."""
Test = Callable[[Item, Bindings], bool]


class Compiled(Protocol):
    """An expression, compiled: its placeholders and their checks."""

    @property
    def kind(self) -> str:
        """The expression's parameter name."""

    @property
    def names(self) -> frozenset[str]:
        """Placeholders of names."""

    @property
    def values(self) -> frozenset[str]:
        """Placeholders of values."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """Checks that raise DynamoError for unsuitable values."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition; `paths` are all attributes that it uses."""

    kind: str
    names: frozenset[str]
    values: frozenset[str]
    checks: tuple[Check, ...]
    test: Test
    paths: tuple[Path, ...]


def bind(request: Mapping[str, Any], expressions: Iterable[Compiled | None]) -> Bindings:
    """Returns the placeholders of a request for its expressions. Raises DynamoError.

    Every placeholder must be given, and every given one must be used.
    """
    used = [each for each in expressions if each is not None]
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    if not used and (names is not None or values is not None):
        what = "ExpressionAttributeNames" if names is not None else "ExpressionAttributeValues"
        raise invalid(f"{what} can only be specified when using expressions")
    bindings = Bindings(_names(names), _values(values))
    for each in used:
        _all_defined(each, bindings)
    _all_used("Names", bindings.names, frozenset[str]().union(*(each.names for each in used)))
    _all_used("Values", bindings.values, frozenset[str]().union(*(each.values for each in used)))
    for each in used:
        for check in each.checks:
            check(bindings)
    return bindings


def _names(names: Names | None) -> Names:
    if names is None:
        return NONE
    if not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    for placeholder, name in names.items():
        if placeholder[:1] != "#" or not _PLACEHOLDER.fullmatch(placeholder):
            raise invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{placeholder}"')
        if not name:
            raise invalid(f"ExpressionAttributeNames contains invalid value: The value is empty; key: {placeholder}")
    return names


def _values(values: Mapping[str, Any] | None) -> Mapping[str, Value]:
    if values is None:
        return NONE
    if not values:
        raise invalid("ExpressionAttributeValues must not be empty")
    found = {}
    for placeholder, value in values.items():
        if placeholder[:1] != ":" or not _PLACEHOLDER.fullmatch(placeholder):
            raise invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{placeholder}"')
        try:
            found[placeholder] = canonical(value)
        except DynamoError as error:
            text = f"ExpressionAttributeValues contains invalid value: {error.message} for key {placeholder}"
            raise DynamoError(error.code, text) from None
    return found


def _all_defined(expression: Compiled, bindings: Bindings) -> None:
    for name in expression.names:
        if name not in bindings.names:
            raise invalid(
                f"Invalid {expression.kind}: An expression attribute name used in the document path is not defined; "
                f"attribute name: {name}"
            )
    for value in expression.values:
        if value not in bindings.values:
            raise invalid(
                f"Invalid {expression.kind}: An expression attribute value used in expression is not defined; "
                f"attribute value: {value}"
            )


def _all_used(what: str, given: Mapping[str, Any], used: frozenset[str]) -> None:
    if len(given) > len(used):
        unused = ", ".join(name for name in given if name not in used)
        raise invalid(f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{unused}}}")
