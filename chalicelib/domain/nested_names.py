"""Reads field names that denote a place in nested data, such as `user[email]`, and the values at that place. No I/O.

A name is the name of an outermost field and one or more parts in brackets, as PHP and Rack write them:

- `[email]`: the member of that name, of an object;
- `[0]`, `[]`: that element of an array, or every one (at the end of a name `[]` changes nothing);
- `[field.ref=email]`: the elements whose member `ref` of their member `field` is `email`;
- `[id in value]`: the elements whose `id` is in `value`, a member of the object that has the array.

An object whose members are all called by numbers is an array too: PHP writes arrays so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from .limits import ELEMENTS_SEARCHED, NAME_PARTS
from .names_alike import composed

Parts = tuple[str, ...]
"""A name taken apart: `("user", "email")`."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_Step = tuple[Any, Any]
"""The object that a value is a member of, None for an element of an array, and the value."""
_MOST_TRIED = 50
"""Other parts that are compared with one that leads nowhere, and elements of an array in which these are looked for."""


def parts_of(name: str) -> Parts | None:
    """Returns the parts of a nested name, without `[]` at its end; None for a name that is none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    parts = [match[1], *_IN_BRACKETS.findall(match[2])]
    while not parts[-1]:
        parts.pop()
    return tuple(parts)


def name_of(parts: Sequence[str]) -> str:
    """Returns the nested name that has these parts."""
    return parts[0] + "".join(f"[{part}]" for part in parts[1:])


def short_name(name: str) -> str:
    """Returns what a person would call a field: `email` for `user[email]`, `Mail` for `fields[label=Mail][value]`."""
    parts = parts_of(name)
    if parts is None:
        return name
    selected = [text for part in parts[1:] if (text := part.partition("=")[2].strip())]
    return selected[-1] if selected else parts[-1]


def nested(sent: Iterable[tuple[str, Sequence[str]]]) -> dict[str, Any]:
    """Returns the objects that names and texts of a form describe, as JSON would hold them.

    Names with more than `NAME_PARTS` parts, or with `[]` before their end, describe none. Where a name is a text and an
    object, the object counts.
    """
    found: dict[str, Any] = {}
    for name, texts in sent:
        parts = parts_of(name) or (name,)
        if len(parts) > NAME_PARTS or "" in parts:
            continue
        at = found
        for part in parts[:-1]:
            inner = at.get(part)
            if not isinstance(inner, dict):
                inner = at[part] = {}
            at = inner
        there = at.get(parts[-1])
        if there is None:
            at[parts[-1]] = texts[0] if len(texts) == 1 and not name.endswith("[]") else list(texts)
        elif not isinstance(there, dict):
            at[parts[-1]] = [*([there] if isinstance(there, str) else there), *texts]
    return found


def values_at(data: Mapping[str, Any], parts: Parts) -> list[Any]:
    """Returns the values at a place, in order: several where several elements are selected; never null.

    Reads the first `ELEMENTS_SEARCHED` elements of an array, and follows as many values at most.
    """
    return [value for _, value in _follow([(None, data)], parts) if value is not None]


def texts_of(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Returns values as the texts of a field, arrays as a text for each element; None if one is no text.

    Numbers have to be texts already, as `strict_json.load` leaves them with `number=str`.
    """
    texts: list[str] = []
    for value in values:
        for one in (value,) if (elements := _elements(value)) is None else elements:
            if isinstance(one, bool):
                texts.append(str(one).lower())
            elif isinstance(one, str):
                texts.append(one)
            elif one is not None:
                return None
    return tuple(texts)


def places_like(data: Mapping[str, Any], parts: Parts) -> Iterator[tuple[str, str, str]]:
    """Yields places that hold a value and differ from `parts` in the first part that leads nowhere.

    Each as three texts: that part, the part in its stead (of a selection `path=text` only the text), and the name of
    the other place.
    """
    known = next((length for length in range(len(parts) - 1, 0, -1) if _follow([(None, data)], parts[:length])), 0)
    part, rest = parts[known], parts[known + 1 :]
    wanted = part.partition("=")[2] or part
    tried: set[str] = set()
    for container, value in _follow([(None, data)], parts[:known]):
        some = value if isinstance(value, dict) else (_elements(value) or [])[:_MOST_TRIED]
        for other in _other_parts(some, part):
            if other not in tried and {"[", "]"}.isdisjoint(other):
                tried.add(other)
                if any(one is not None for _, one in _follow([(container, some)], (other, *rest))):
                    yield wanted, other.partition("=")[2] or other, name_of((*parts[:known], other, *rest))
            if len(tried) == _MOST_TRIED:
                return


def leaves(data: Mapping[str, Any]) -> Iterator[Parts]:
    """Yields the places of texts inside objects, outer ones first, down to `NAME_PARTS` parts; none in arrays."""
    level: list[tuple[Parts, Any]] = [((), data)]
    while level:
        inner: list[tuple[Parts, Any]] = []
        for parts, value in level:
            if isinstance(value, dict) and len(parts) < NAME_PARTS:
                inner += [((*parts, member), one) for member, one in islice(value.items(), ELEMENTS_SEARCHED)]
            elif len(parts) > 1 and texts_of([value]):
                yield parts
        level = inner[:ELEMENTS_SEARCHED]


def _follow(found: list[_Step], parts: Parts) -> list[_Step]:
    for part in parts:
        inner = chain.from_iterable(_inside(container, value, part) for container, value in found)
        found = list(islice(inner, ELEMENTS_SEARCHED))
    return found


def _inside(container: Any, value: Any, part: str) -> Iterable[_Step]:
    """Returns what a part leads to: a member of an object, or elements of an array."""
    if isinstance(value, dict):
        member = part if part in value or part.isascii() else next((m for m in value if composed(m) == part), part)
        if member in value:
            return [(value, value[member])]
    elements = _elements(value)
    if elements is None:
        return ()
    if part.isascii() and part.isdigit():
        return [(None, one) for one in elements[int(part[:9]) :][:1]]
    return [(None, one) for one in (_selected(container, elements, part) if part else elements)]


def _selected(container: Any, elements: Iterable[Any], selection: str) -> list[Any]:
    """Returns the elements that a selection means: `field.ref=email`, or `id in value`; none if it is no selection."""
    path, equals, text = selection.partition("=")
    if equals:
        wanted = {_plain(text)}
    else:
        path, _, of = selection.partition(" in ")
        wanted = {_plain(text) for text in _texts_inside(container, of)}
    return [one for one in elements if not wanted.isdisjoint(map(_plain, _texts_inside(one, path)))]


def _elements(value: Any) -> list[Any] | None:
    """Returns the elements of an array, the first ones of a long one; None for anything else."""
    if isinstance(value, list):
        return value[:ELEMENTS_SEARCHED]
    if isinstance(value, dict) and all(member.isascii() and member.isdigit() for member in value):
        return list(islice(value.values(), ELEMENTS_SEARCHED))
    return None


def _texts_inside(value: Any, path: str) -> tuple[str, ...]:
    """Returns the texts of a member, `ref`, or of a member's member, `field.ref`; none if there is no text."""
    for member in path.split("."):
        value = value.get(member.strip()) if isinstance(value, dict) else None
    return texts_of([value]) or ()


def _plain(text: str) -> str:
    return composed(text).strip()


def _other_parts(value: Any, part: str) -> Iterator[str]:
    """Yields the parts that may be meant by `part`: members of an object, or selections by the same member."""
    if isinstance(value, dict):
        yield from value
        value = _elements(value)
    path, equals, _ = part.partition("=")
    for one in value if equals and value else ():
        yield from (f"{path}={text}" for text in _texts_inside(one, path))
