"""Document paths: reading values, and projections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .bindings import Bindings, Check, Evaluate, ResolvedPath
from .errors import DynamoError, invalid
from .syntax import Parser, Path
from .values import Item, Value

Tree = dict[str | int, Any]
"""The selected parts of a map or list, by name or index; an empty tree selects the whole value."""


def evaluate_path(path: Path) -> Evaluate:
    """Compiles a path to a function that reads it from an item."""
    if len(path.elements) == 1:
        name = str(path.elements[0])
        if name[0] == "#":
            return lambda item, bindings: item.get(bindings.names[name])
        return lambda item, bindings: item.get(name)
    return lambda item, bindings: found_at(item, bindings.path(path))


def found_at(item: Mapping[str, Value], path: ResolvedPath) -> Value | None:
    """Returns the value at a path of an item, or None."""
    value: Value | None = {"M": item}
    for element in path:
        if value is None:
            return None
        value = child(value, element)
    return value


def child(value: Value, element: str | int) -> Value | None:
    """Returns an element of a map or list, or None."""
    if isinstance(element, str):
        members = value.get("M")
        found: Value | None = None if members is None else members.get(element)
        return found
    elements = value.get("L")
    return elements[element] if elements is not None and element < len(elements) else None


def shown(path: ResolvedPath) -> str:
    """Returns a path as error messages show it."""
    return "[" + ", ".join(f"[{each}]" if isinstance(each, int) else each for each in path) + "]"


def check_overlap(kind: str, paths: Iterable[ResolvedPath]) -> None:
    """Checks that no path is part of another, or another kind of path to the same thing. Raises DynamoError."""
    known: list[ResolvedPath] = []
    for path in paths:
        for other in known:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                raise _related(kind, "overlap", "one of these paths", other, path)
            at = next(place for place in range(shorter) if path[place] != other[place])
            if isinstance(path[at], int) != isinstance(other[at], int):
                raise _related(kind, "conflict", "one of these paths", other, path)
        known.append(path)


def _related(kind: str, relation: str, what: str, one: ResolvedPath, two: ResolvedPath) -> DynamoError:
    return invalid(
        f"Invalid {kind}: Two document paths {relation} with each other; must remove or rewrite {what}; "
        f"path one: {shown(one)}, path two: {shown(two)}"
    )


@dataclass(frozen=True, slots=True)
class Projection:
    """A compiled projection expression."""

    kind: str
    names: frozenset[str]
    values: frozenset[str]
    checks: tuple[Check, ...]
    paths: tuple[Path, ...]

    def tree(self, bindings: Bindings) -> Tree:
        """Returns the selected parts of an item."""
        return tree_of(bindings.path(path) for path in self.paths)


@lru_cache(maxsize=1024)
def compile_projection(text: str) -> Projection:
    """Parses a projection expression. Raises DynamoError."""
    kind = "ProjectionExpression"
    parser = Parser(text, kind)
    paths = parser.separated(parser.path)
    parser.end()

    def check(bindings: Bindings) -> None:
        check_overlap(kind, [bindings.path(path) for path in paths])

    checks = (check,) if len(paths) > 1 else ()
    return Projection(kind, frozenset(parser.names), frozenset(), checks, paths)


def tree_of(paths: Iterable[ResolvedPath]) -> Tree:
    """Returns the selected parts of an item, for paths that do not overlap."""
    tree: Tree = {}
    for path in paths:
        place = tree
        for element in path:
            place = place.setdefault(element, {})
    return tree


def projected(item: Mapping[str, Value], tree: Tree) -> Item:
    """Returns the selected parts of an item, also within maps and lists."""
    found: Item = {}
    for name, below in tree.items():
        value = item.get(str(name))
        part = value if value is None or not below else _part(value, below)
        if part is not None:
            found[str(name)] = part
    return found


def _part(value: Value, tree: Tree) -> Value | None:
    if isinstance(next(iter(tree)), str):
        members = value.get("M")
        found = projected(members, tree) if members is not None else {}
        return {"M": found} if found else None
    elements = value.get("L", [])
    parts = []
    for index in sorted(place for place in tree if isinstance(place, int)):
        if index < len(elements):
            below = tree[index]
            part = _part(elements[index], below) if below else elements[index]
            if part is not None:
                parts.append(part)
    return {"L": parts} if parts else None
