"""A cure for moto's UpdateItem, which walks its syntax tree ten times for each update (3 ms).

An update that only sets whole attributes to given values, or removes whole attributes, needs no tree. moto itself
judges the first one of each kind (same expression, names, table and types of values); its like are then carried out
directly.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_EXPRESSION = re.compile(
    r"\s*(?:SET\s+(?P<set>.+?))?\s*(?:\bREMOVE\s+(?P<remove>[^:=]+?))?\s*", re.IGNORECASE | re.DOTALL
)
_ASSIGNMENT = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)\s*")
_NAME = re.compile(r"\s*(#?\w+)\s*")
_MOST_KINDS = 2048


@dataclass(frozen=True, slots=True)
class SimpleUpdate:
    """What to set, as pairs of name and value placeholder, and what to remove."""

    sets: tuple[tuple[str, str], ...]
    removes: tuple[str, ...]


@functools.lru_cache(maxsize=512)
def simple_update(expression: str) -> SimpleUpdate | None:
    """The expression as a simple update, or None when it is more than that."""
    parts = _EXPRESSION.fullmatch(expression)
    if not parts:
        return None
    sets = [_ASSIGNMENT.fullmatch(part) for part in (parts["set"] or "").split(",") if parts["set"]]
    removes = [_NAME.fullmatch(part) for part in (parts["remove"] or "").split(",") if parts["remove"]]
    if not all(sets) or not all(removes):
        return None
    return SimpleUpdate(tuple((s[1], s[2]) for s in sets if s), tuple(r[1] for r in removes if r))


def cure() -> None:
    """Patch moto's UpdateItem in this process."""
    # Any: what is patched is moto's inside, which its types do not speak of.
    models: Any = import_module("moto.dynamodb.models")
    parser: Any = import_module("moto.dynamodb.parsing.expressions").UpdateExpressionParser
    models.UpdateExpressionParser = type("Parser", (), {"make": staticmethod(functools.partial(_parsed, parser.make))})
    models.UpdateExpressionValidator = _judging(models.UpdateExpressionValidator)
    models.UpdateExpressionExecutor = _executing(models.UpdateExpressionExecutor)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """moto's tree beside the expression that it was made from."""

    tree: Any
    expression: str


def _parsed(make: Any, expression: str) -> _Parsed:
    return _Parsed(make(expression), expression)


def _judging(moto_validator: Any) -> Any:
    known: dict[Any, None] = {}

    class Validator:
        """moto's, unless it has judged an update of the same kind already."""

        def __init__(
            self,
            update: _Parsed,
            expression_attribute_names: Any,
            expression_attribute_values: Any,
            item: Any,
            table: Any,
        ) -> None:
            self._arguments = (expression_attribute_names, expression_attribute_values, item, table)
            self._update = update

        def validate(self) -> Any:
            names, values, item, table = self._arguments
            simple = simple_update(self._update.expression)
            kind = (table.name, self._update.expression, _frozen(names), _types(values))
            if simple is not None and kind in known:
                return _Bound(simple, values)
            judged = moto_validator(self._update.tree, names, values, item, table).validate()
            if simple is not None and len(known) < _MOST_KINDS:
                known[kind] = None
            return judged

    return Validator


@dataclass(frozen=True, slots=True)
class _Bound:
    """A simple update with the values of one request."""

    update: SimpleUpdate
    values: Mapping[str, Any]

    def normalize(self) -> None:
        """As moto's tree has it; there is nothing to put in order."""


def _executing(moto_executor: Any) -> Any:
    dynamo_type: Any = import_module("moto.dynamodb.models.dynamo_type").DynamoType

    class Executor:
        """moto's, but for updates that need no tree."""

        def __init__(self, update: Any, item: Any, names: Mapping[str, str] | None) -> None:
            self._update = update
            self._item = item
            self._names = names or {}

        def execute(self) -> None:
            if not isinstance(self._update, _Bound):
                moto_executor(self._update, self._item, self._names).execute()
                return
            for name, value in self._update.update.sets:
                self._item.attrs[self._names.get(name, name)] = dynamo_type(self._update.values[value])
            for name in self._update.update.removes:
                self._item.attrs.pop(self._names.get(name, name), None)

    return Executor


def _frozen(names: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((names or {}).items()))


def _types(values: Mapping[str, Mapping[str, Any]] | None) -> tuple[tuple[str, str, bool], ...]:
    """Of each value its type, and whether it is empty: all that can make one update wrong and its like right."""
    return tuple(
        sorted(
            (name, kind, value in ("", [], {}))
            for name, typed in (values or {}).items()
            for kind, value in typed.items()
        )
    )
