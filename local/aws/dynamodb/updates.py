"""Compiles update expressions to functions of an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

from .bindings import Bindings, Check, Evaluate, ResolvedPath
from .errors import invalid
from .paths import check_overlap, evaluate_path
from .syntax import Call, Operand, Parser, Path, ValueRef
from .update_steps import NOTHING, Step, add, delete, remove, replace, wrong_type
from .values import Item, Value, type_of, written

KIND = "UpdateExpression"
_SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")
_SET_TYPES = frozenset(["SS", "NS", "BS"])
_LONG = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "BOOL": "BOOLEAN", "NULL": "NULL", "L": "LIST", "M": "MAP"}
_EXACT = Context(prec=200)


@dataclass(frozen=True, slots=True)
class Action:
    """One change: the path, and how the item changes there."""

    path: Path
    step: Step
    value: Evaluate | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A compiled update expression."""

    kind: str
    names: frozenset[str]
    values: frozenset[str]
    checks: tuple[Check, ...]
    actions: tuple[Action, ...]

    def paths(self, bindings: Bindings) -> list[ResolvedPath]:
        """Returns what it changes."""
        return [bindings.path(action.path) for action in self.actions]

    def apply(self, item: Item, bindings: Bindings) -> Item:
        """Returns the item after the update, as a new dict; values are computed from the item before it."""
        steps = []
        for action in self.actions:
            value = NOTHING if action.value is None else action.value(item, bindings) or NOTHING
            steps.append((action.step, bindings.path(action.path), value))
        after = dict(item)
        for step, path, value in _in_order(steps):
            step(after, path, value)
        return after


def _in_order(
    steps: list[tuple[Step, ResolvedPath, Value]],
) -> Iterable[tuple[Step, ResolvedPath, Value]]:
    """Elements beyond a list's end are appended in the order of their indexes, and removed from the last on."""
    if all(len(path) == 1 for _, path, _ in steps):
        return steps
    rest = [each for each in steps if each[0] is not remove]
    removals = [each for each in steps if each[0] is remove]
    rest.sort(key=lambda each: _index(each[1]))
    removals.sort(key=lambda each: -_index(each[1]))
    return rest + removals


def _index(path: ResolvedPath) -> int:
    last = path[-1]
    return last if isinstance(last, int) else -1


@lru_cache(maxsize=1024)
def compile_update(text: str) -> Update:
    """Parses an update expression. Raises DynamoError."""
    parser = Parser(text, KIND)
    compiler = _Compiler(parser)
    actions: list[Action] = []
    seen: set[str] = set()
    while parser.next.kind != "end":
        if not parser.is_word(*_SECTIONS):
            raise parser.unexpected()
        section = parser.take().text.upper()
        if section in seen:
            raise parser.wrong(f'The "{section}" section can only be used once in an update expression;')
        seen.add(section)
        actions += parser.separated(getattr(compiler, section.lower()))
    if len(actions) > 1:
        compiler.checks.insert(0, _apart([action.path for action in actions]))
    return Update(KIND, frozenset(parser.names), frozenset(parser.values), tuple(compiler.checks), tuple(actions))


def _apart(paths: list[Path]) -> Check:
    def check(bindings: Bindings) -> None:
        check_overlap(KIND, [bindings.path(path) for path in paths])

    return check


class _Compiler:
    """Reads the clauses of each section, and collects what has to be checked of a request's values."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.checks: list[Check] = []

    def set(self) -> Action:
        """Reads `path = value`."""
        path = self._parser.path()
        self._parser.expect("=")
        return Action(path, replace, self._computed())

    def remove(self) -> Action:
        """Reads a path."""
        return Action(self._parser.path(), remove)

    def add(self) -> Action:
        """Reads a path and a number or set."""
        return self._with_operand("ADD", add, _SET_TYPES | {"N"})

    def delete(self) -> Action:
        """Reads a path and a set."""
        return self._with_operand("DELETE", delete, _SET_TYPES)

    def _with_operand(self, section: str, step: Step, allowed: frozenset[str]) -> Action:
        path, operand = self._parser.path(), self._parser.value()

        def check(bindings: Bindings) -> None:
            kind = type_of(bindings.values[operand.name])
            if kind not in allowed:
                raise self._parser.wrong(
                    f"Incorrect operand type for operator or function; operator: {section}, "
                    f"operand type: {_LONG.get(kind, kind)}, typeSet: ALLOWED_FOR_{section}_OPERAND"
                )

        self.checks.append(check)
        return Action(path, step, self._operand(operand))

    def _computed(self) -> Evaluate:
        parser = self._parser
        if parser.is_sign("("):
            parser.take()
            found = self._computed()
            parser.expect(")")
            return found
        left = parser.operand()
        if not parser.is_sign("+", "-"):
            return self._operand(left)
        sign = parser.take().text
        right = parser.operand()
        for each in (left, right):
            self._check_type(sign, each, "N")
        one, two = self._operand(left), self._operand(right)
        combine = _EXACT.add if sign == "+" else _EXACT.subtract

        def computed(item: Item, bindings: Bindings) -> Value:
            return _arithmetic(combine, one(item, bindings), two(item, bindings))

        return computed

    def _operand(self, operand: Operand) -> Evaluate:
        match operand:
            case ValueRef(name):
                return lambda item, bindings: bindings.values[name]
            case Path():
                return _existing(evaluate_path(operand))
            case Call():
                return self._call(operand)

    def _call(self, call: Call) -> Evaluate:
        if call.function not in ("if_not_exists", "list_append"):
            if call.function in ("size", "contains", "begins_with") or call.function.startswith("attribute_"):
                raise self._parser.wrong(
                    f"The function is not allowed in an update expression; function: {call.function}"
                )
            raise self._parser.wrong(f"Invalid function name; function: {call.function}")
        if len(call.arguments) != 2:
            raise self._parser.wrong(
                "Incorrect number of operands for operator or function; operator or function: "
                f"{call.function}, number of operands: {len(call.arguments)}"
            )
        return self._if_not_exists(call) if call.function == "if_not_exists" else self._list_append(call)

    def _if_not_exists(self, call: Call) -> Evaluate:
        path, otherwise = call.arguments
        if not isinstance(path, Path):
            raise self._parser.wrong(
                "Operator or function requires a document path; operator or function: if_not_exists"
            )
        there, default = evaluate_path(path), self._operand(otherwise)

        def chosen(item: Item, bindings: Bindings) -> Value | None:
            found = there(item, bindings)
            return default(item, bindings) if found is None else found

        return chosen

    def _list_append(self, call: Call) -> Evaluate:
        for each in call.arguments:
            self._check_type("list_append", each, "L")
        one, two = map(self._operand, call.arguments)

        def appended(item: Item, bindings: Bindings) -> Value:
            first, second = one(item, bindings), two(item, bindings)
            if first is None or second is None or "L" not in first or "L" not in second:
                raise wrong_type()
            return {"L": [*first["L"], *second["L"]]}

        return appended

    def _check_type(self, name: str, operand: Operand, allowed: str) -> None:
        """Has a value that a function or operator cannot work with refused."""
        if isinstance(operand, ValueRef):

            def check(bindings: Bindings) -> None:
                kind = type_of(bindings.values[operand.name])
                if kind != allowed:
                    raise self._parser.wrong(
                        "Incorrect operand type for operator or function; operator or function: "
                        f"{name}, operand type: {kind}"
                    )

            self.checks.append(check)


def _existing(evaluate: Evaluate) -> Evaluate:
    def existing(item: Item, bindings: Bindings) -> Value:
        found = evaluate(item, bindings)
        if found is None:
            raise invalid("The provided expression refers to an attribute that does not exist in the item")
        return found

    return existing


def _arithmetic(combine: Callable[[Decimal, Decimal], Decimal], one: Value | None, two: Value | None) -> Value:
    if one is None or two is None or "N" not in one or "N" not in two:
        raise wrong_type()
    return {"N": written(combine(Decimal(one["N"]), Decimal(two["N"])))}
