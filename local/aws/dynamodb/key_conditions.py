"""Compiles key conditions of Query: one partition, and perhaps a range of sort keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .bindings import Bindings, Check
from .conditions import bounds_check
from .errors import DynamoError, invalid, invalid_value
from .schema import KeySchema, empty_key
from .syntax import Between, Call, Comparison, In, Junction, Node, Parser, Path, ValueRef, parse_condition
from .values import Value, type_of

KIND = "KeyConditionExpression"
_SWAPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A condition on one key: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` or `begins_with`, with its values."""

    path: Path
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A query's partition and condition on the sort key, if any, with the request's values."""

    partition: Value
    operator: str | None = None
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """A compiled key condition."""

    kind: str
    names: frozenset[str]
    values: frozenset[str]
    checks: tuple[Check, ...]
    parts: tuple[KeyPart, ...]

    def of(self, schema: KeySchema, bindings: Bindings) -> KeyRange:
        """Returns the requested partition and range of keys. Raises DynamoError."""
        found = self._by_name(bindings)
        partition = found.pop(schema.hash_name, None)
        if partition is None:
            raise invalid(f"Query condition missed key schema element: {schema.hash_name}")
        sort = found.pop(schema.range_name, None) if schema.range_name else None
        if found and schema.range_name and sort is None:
            raise invalid(f"Query condition missed key schema element: {schema.range_name}")
        if found or partition.operator != "=":
            raise invalid("Query key condition not supported")
        (value,) = _values(partition, schema.hash_type, bindings)
        if sort is None:
            return KeyRange(value)
        return KeyRange(value, sort.operator, _values(sort, schema.range_type, bindings))

    def _by_name(self, bindings: Bindings) -> dict[str | int, KeyPart]:
        found: dict[str | int, KeyPart] = {}
        for part in self.parts:
            name, *nested = bindings.path(part.path)
            if nested:
                raise invalid(
                    "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                    f"Key: {name}"
                )
            if name in found:
                raise invalid("KeyConditionExpressions must only contain one condition per key")
            found[name] = part
        return found


def _values(part: KeyPart, kind: str | None, bindings: Bindings) -> tuple[Value, ...]:
    values = tuple(bindings.values[name] for name in part.values)
    if any(type_of(value) != kind for value in values):
        raise invalid_value("Condition parameter type does not match schema type")
    for value in values:
        if not value[type_of(value)]:
            raise empty_key(str(bindings.path(part.path)[0]), value)
    return values


@lru_cache(maxsize=1024)
def compile_key_condition(text: str) -> KeyCondition:
    """Parses a key condition. Raises DynamoError."""
    parser = Parser(text, KIND)
    node = parse_condition(parser)
    checks: list[Check] = []
    parts = tuple(_part(parser, each, checks) for each in _joined(parser, node))
    return KeyCondition(KIND, frozenset(parser.names), frozenset(parser.values), tuple(checks), parts)


def _joined(parser: Parser, node: Node) -> Iterator[Node]:
    if isinstance(node, Junction):
        if node.operator != "AND":
            raise invalid(f"Invalid operator used in {KIND}: {node.operator}")
        for each in node.conditions:
            yield from _joined(parser, each)
    else:
        yield node


def _part(parser: Parser, node: Node, checks: list[Check]) -> KeyPart:
    match node:
        case Comparison("<>"):
            raise invalid(f"Invalid operator used in {KIND}: <>")
        case Comparison(operator, Path() as path, ValueRef(value)):
            return KeyPart(path, operator, (value,))
        case Comparison(operator, ValueRef(value), Path() as path):
            return KeyPart(path, _SWAPPED[operator], (value,))
        case Between(Path() as path, ValueRef(low), ValueRef(high)):
            checks.append(bounds_check(parser, node))
            return KeyPart(path, "BETWEEN", (low, high))
        case Call("begins_with", (Path() as path, ValueRef(value))):
            return KeyPart(path, "begins_with", (value,))
        case _:
            raise _unsupported(node)


def _unsupported(node: Node) -> DynamoError:
    match node:
        case In():
            return invalid(f"Invalid operator used in {KIND}: IN")
        case Call(function):
            return invalid(f"Invalid operator used in {KIND}: {function}")
        case Comparison(_, left, right) if Call in (type(left), type(right)):
            return invalid(f"{KIND}s cannot contain nested operations")
    return invalid("Query key condition not supported")
