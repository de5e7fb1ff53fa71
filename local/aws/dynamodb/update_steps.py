"""The single changes that update expressions consist of.

A step changes an item's own dict in place, but no value in it: the values belong to other states of the item, too.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from .bindings import ResolvedPath
from .errors import DynamoError, invalid
from .paths import found_at
from .values import Item, Value, written

Step = Callable[[Item, ResolvedPath, Value], None]
NOTHING: Value = {}
"""The value of steps that need none."""
_EXACT = Context(prec=200)


def _wrong_path() -> DynamoError:
    return invalid("The document path provided in the update expression is invalid for update")


def wrong_type() -> DynamoError:
    """Returns the error about an operand that the update cannot work with."""
    return invalid("An operand in the update expression has an incorrect data type")


def replace(item: Item, path: ResolvedPath, value: Value) -> None:
    """SET: puts a value at a path; beyond a list's end it is appended."""
    name = str(path[0])
    if len(path) == 1:
        item[name] = value
        return
    item[name] = _changed(item.get(name), path[1:], value)


def remove(item: Item, path: ResolvedPath, _: Value = NOTHING) -> None:
    """REMOVE: removes the value at a path, if any."""
    name = str(path[0])
    if len(path) == 1:
        item.pop(name, None)
        return
    item[name] = _changed(item.get(name), path[1:], None)


def _changed(container: Value | None, path: ResolvedPath, value: Value | None) -> Value:
    """Returns a map or list with another value at a path, or without the one there (None)."""
    if container is None:
        raise _wrong_path()
    element = path[0]
    if isinstance(element, str):
        members = container.get("M")
        if members is None:
            raise _wrong_path()
        return {"M": _changed_map(members, element, path[1:], value)}
    elements = container.get("L")
    if elements is None:
        raise _wrong_path()
    return {"L": _changed_list(elements, element, path[1:], value)}


def _changed_map(members: Item, name: str, rest: ResolvedPath, value: Value | None) -> Item:
    if rest:
        return {**members, name: _changed(members.get(name), rest, value)}
    if value is None:
        return {each: found for each, found in members.items() if each != name}
    return {**members, name: value}


def _changed_list(elements: list[Value], index: int, rest: ResolvedPath, value: Value | None) -> list[Value]:
    changed = list(elements)
    if rest:
        if index >= len(elements):
            raise _wrong_path()
        changed[index] = _changed(elements[index], rest, value)
    elif value is None:
        del changed[index : index + 1]
    elif index < len(elements):
        changed[index] = value
    else:
        changed.append(value)
    return changed


def add(item: Item, path: ResolvedPath, value: Value) -> None:
    """ADD: adds to a number, or elements to a set; a missing attribute is created."""
    before = found_at(item, path)
    if before is None:
        replace(item, path, value)
        return
    ((kind, content),) = value.items()
    if kind not in before:
        raise wrong_type()
    if kind == "N":
        replace(item, path, {"N": written(_EXACT.add(Decimal(before["N"]), Decimal(content)))})
        return
    replace(item, path, {kind: _sorted(kind, {*before[kind], *content})})


def delete(item: Item, path: ResolvedPath, value: Value) -> None:
    """DELETE: removes elements from a set; an empty set is removed."""
    before = found_at(item, path)
    if before is None:
        if len(path) > 1 and ("M" if isinstance(path[-1], str) else "L") not in (found_at(item, path[:-1]) or {}):
            raise _wrong_path()
        return
    ((kind, content),) = value.items()
    if kind not in before:
        raise wrong_type()
    left = _sorted(kind, set(before[kind]).difference(content))
    if left:
        replace(item, path, {kind: left})
    else:
        remove(item, path)


def _sorted(kind: str, elements: set[Any]) -> list[Any]:
    return sorted(elements, key=Decimal) if kind == "NS" else sorted(elements)
