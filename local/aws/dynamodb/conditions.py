"""Compiles condition and filter expressions to functions of an item."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from .bindings import Bindings, Check, Condition, Evaluate, Test
from .errors import DynamoError
from .paths import evaluate_path
from .syntax import Between, Call, Comparison, In, Junction, Node, Operand, Parser, Path, ValueRef, parse_condition
from .values import TYPES, Value, ordered, type_of

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARGUMENTS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}
_KNOWN = frozenset([*_ARGUMENTS, "size", "if_not_exists", "list_append"])
_MAX_OPTIONS = 100


@lru_cache(maxsize=1024)
def compile_condition(text: str, kind: str = "ConditionExpression") -> Condition:
    """Parses a condition; `kind` is the request's parameter. Raises DynamoError."""
    parser = Parser(text, kind)
    node = parse_condition(parser)
    compiler = _Compiler(parser)
    test = compiler.test(node)
    return Condition(
        kind,
        frozenset(parser.names),
        frozenset(parser.values),
        tuple(compiler.checks),
        test,
        tuple(compiler.paths),
    )


class _Compiler:
    """Turns one syntax tree into functions, and collects what has to be checked of a request's values."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.checks: list[Check] = []
        self.paths: list[Path] = []

    def test(self, node: Node) -> Test:
        """Compiles a condition."""
        match node:
            case Junction():
                return self._junction(node)
            case Comparison():
                return self._comparison(node)
            case Between():
                return self._between(node)
            case In():
                return self._in(node)
            case Call():
                return self._call(node)

    def _junction(self, node: Junction) -> Test:
        tests = [self.test(each) for each in node.conditions]
        if node.operator == "NOT":
            (only,) = tests
            return lambda item, bindings: not only(item, bindings)
        if len(tests) == 2:
            one, two = tests
            if node.operator == "AND":
                return lambda item, bindings: one(item, bindings) and two(item, bindings)
            return lambda item, bindings: one(item, bindings) or two(item, bindings)
        if node.operator == "AND":
            return lambda item, bindings: all(test(item, bindings) for test in tests)
        return lambda item, bindings: any(test(item, bindings) for test in tests)

    def operand(self, operand: Operand) -> Evaluate:
        """Compiles a path, a value or `size`."""
        match operand:
            case ValueRef(name):
                return lambda item, bindings: bindings.values[name]
            case Path():
                self.paths.append(operand)
                return evaluate_path(operand)
            case Call():
                return self._size(operand)

    def _size(self, call: Call) -> Evaluate:
        self._check_function(call)
        if call.function in ("if_not_exists", "list_append"):
            raise self._parser.wrong(
                f"The function is not allowed in a condition expression; function: {call.function}"
            )
        if call.function != "size":
            raise self._parser.wrong(
                f"The function is not allowed to be used this way in an expression; function: {call.function}"
            )
        self._check_count(call, 1)
        (argument,) = call.arguments
        self._check_type("size", argument, frozenset(["S", "B", "SS", "NS", "BS", "L", "M"]))
        inner = self.operand(argument)

        def size(item: Any, bindings: Bindings) -> Value | None:
            value = inner(item, bindings)
            return None if value is None else _size_of(value)

        return size

    def _comparison(self, node: Comparison) -> Test:
        self._check_distinct(node.operator, [node.left, node.right])
        left, right = self.operand(node.left), self.operand(node.right)
        if node.operator in ("=", "<>"):
            wanted = node.operator == "="

            def equal(item: Any, bindings: Bindings) -> bool:
                one = left(item, bindings)
                return (one is not None and one == right(item, bindings)) is wanted

            return equal
        order = _ORDERS[node.operator]
        for each in (node.left, node.right):
            self._check_type(node.operator, each, frozenset(["S", "N", "B"]))
        return lambda item, bindings: _compare(order, left(item, bindings), right(item, bindings))

    def _between(self, node: Between) -> Test:
        self._check_distinct("BETWEEN", [node.operand, node.low, node.high])
        for each in (node.operand, node.low, node.high):
            self._check_type("BETWEEN", each, frozenset(["S", "N", "B"]))
        self.checks.append(bounds_check(self._parser, node))
        value, low, high = self.operand(node.operand), self.operand(node.low), self.operand(node.high)

        def between(item: Any, bindings: Bindings) -> bool:
            found = value(item, bindings)
            return _compare(operator.ge, found, low(item, bindings)) and _compare(
                operator.le, found, high(item, bindings)
            )

        return between

    def _in(self, node: In) -> Test:
        if len(node.options) > _MAX_OPTIONS:
            raise self._parser.wrong(
                "Invalid number of operands for operator or function; operator or function: IN, "
                f"number of operands: {len(node.options) + 1}"
            )
        self._check_distinct("IN", [node.operand, *node.options])
        value = self.operand(node.operand)
        options = [self.operand(each) for each in node.options]

        def among(item: Any, bindings: Bindings) -> bool:
            found = value(item, bindings)
            return found is not None and any(found == option(item, bindings) for option in options)

        return among

    def _call(self, call: Call) -> Test:
        self._check_function(call)
        if call.function not in _ARGUMENTS:
            if call.function == "size":
                raise self._parser.wrong(
                    "The function is not allowed to be used this way in an expression; function: size"
                )
            raise self._parser.wrong(
                f"The function is not allowed in a condition expression; function: {call.function}"
            )
        self._check_count(call, _ARGUMENTS[call.function])
        make: Callable[[Call], Test] = getattr(self, f"_{call.function}")
        return make(call)

    def _attribute_exists(self, call: Call) -> Test:
        value = self._path_of(call)
        return lambda item, bindings: value(item, bindings) is not None

    def _attribute_not_exists(self, call: Call) -> Test:
        value = self._path_of(call)
        return lambda item, bindings: value(item, bindings) is None

    def _path_of(self, call: Call) -> Evaluate:
        path = call.arguments[0]
        if not isinstance(path, Path):
            raise self._parser.wrong(
                f"Operator or function requires a document path; operator or function: {call.function}"
            )
        return self.operand(path)

    def _attribute_type(self, call: Call) -> Test:
        value, kind = self._path_of(call), call.arguments[1]
        if not isinstance(kind, ValueRef):
            raise self._parser.wrong(
                "Incorrect operand type for operator or function; operator or function: attribute_type, "
                "operand type: {DOCUMENT_PATH}"
            )
        self._check_type("attribute_type", kind, frozenset("S"))

        def check(bindings: Bindings) -> None:
            wanted = bindings.values[kind.name]["S"]
            if wanted not in TYPES:
                valid = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
                raise self._parser.wrong(f"Invalid attribute type name found; type: {wanted}, valid types: {valid}")

        self.checks.append(check)

        def test(item: Any, bindings: Bindings) -> bool:
            found = value(item, bindings)
            return found is not None and bindings.values[kind.name]["S"] in found

        return test

    def _begins_with(self, call: Call) -> Test:
        self._check_distinct("begins_with", call.arguments)
        for each in call.arguments:
            self._check_type("begins_with", each, frozenset(["S", "B"]))
        value, prefix = map(self.operand, call.arguments)

        def test(item: Any, bindings: Bindings) -> bool:
            found, wanted = value(item, bindings), prefix(item, bindings)
            return begins_with(found, wanted)

        return test

    def _contains(self, call: Call) -> Test:
        self._check_distinct("contains", call.arguments)
        value, part = map(self.operand, call.arguments)
        return lambda item, bindings: _contains(value(item, bindings), part(item, bindings))

    def _check_function(self, call: Call) -> None:
        if call.function not in _KNOWN:
            raise self._parser.wrong(f"Invalid function name; function: {call.function}")

    def _check_count(self, call: Call, count: int) -> None:
        if len(call.arguments) != count:
            raise self._parser.wrong(
                "Incorrect number of operands for operator or function; operator or function: "
                f"{call.function}, number of operands: {len(call.arguments)}"
            )

    def _check_distinct(self, name: str, operands: Any) -> None:
        first, *others = operands
        if isinstance(first, Path) and first in others:

            def check(bindings: Bindings) -> None:
                path = "[" + ", ".join(map(str, bindings.path(first))) + "]"
                raise self._parser.wrong(
                    "The first operand must be distinct from the remaining operands for this operator or function; "
                    f"operator: {name}, first operand: {path}"
                )

            self.checks.append(check)

    def _check_type(self, name: str, operand: Operand, allowed: frozenset[str]) -> None:
        """Has a value that a function or operator cannot work with refused."""
        if isinstance(operand, ValueRef):

            def check(bindings: Bindings) -> None:
                kind = type_of(bindings.values[operand.name])
                if kind not in allowed:
                    raise self._parser.wrong(
                        "Incorrect operand type for operator or function; operator or function: "
                        f"{name}, operand type: {kind}"
                    )

            self.checks.append(check)


def bounds_check(parser: Parser, node: Between) -> Check:
    """Returns the check that BETWEEN's bounds, if both are values, are of one type and in order."""

    def check(bindings: Bindings) -> None:
        if not isinstance(node.low, ValueRef) or not isinstance(node.high, ValueRef):
            return
        low, high = bindings.values[node.low.name], bindings.values[node.high.name]
        if type_of(low) != type_of(high):
            raise _bounds(parser, "same data type for lower and upper bounds", low, high)
        if ordered(low) > ordered(high):
            raise _bounds(parser, "upper bound to be greater than or equal to lower bound", low, high)

    return check


def _bounds(parser: Parser, what: str, low: Value, high: Value) -> DynamoError:
    one, two = (f"AttributeValue: {{{type_of(bound)}:{bound[type_of(bound)]}}}" for bound in (low, high))
    return parser.wrong(f"The BETWEEN operator requires {what}; lower bound operand: {one}, upper bound operand: {two}")


def _compare(order: Callable[[Any, Any], bool], one: Value | None, two: Value | None) -> bool:
    if one is None or two is None or one.keys() != two.keys():
        return False
    left = ordered(one)
    return left is not None and order(left, ordered(two))


def begins_with(value: Value | None, prefix: Value | None) -> bool:
    """Returns whether a string or binary value begins with another one."""
    if value is None or prefix is None:
        return False
    for kind in ("S", "B"):
        if kind in value and kind in prefix:
            return bool(value[kind].startswith(prefix[kind]))
    return False


def _contains(value: Value | None, part: Value | None) -> bool:
    if value is None or part is None:
        return False
    ((kind, content),) = value.items()
    ((wanted_kind, wanted),) = part.items()
    if kind == "L":
        return part in content
    if kind in ("SS", "NS", "BS"):
        return wanted_kind == kind[0] and wanted in content
    return kind in ("S", "B") and kind == wanted_kind and wanted in content


def _size_of(value: Value) -> Value | None:
    ((kind, content),) = value.items()
    if kind in ("N", "BOOL", "NULL"):
        return None
    return {"N": str(len(content))}
