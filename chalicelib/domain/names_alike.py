"""Compares names that people type: of lists, of fields. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_SHORTEST_BEGINNING = 4
"""Characters that a name which is the beginning of another one has at least."""


def nearest_name(wrong: str, known: Iterable[str]) -> str | None:
    """Returns the known name that `wrong` may stand for; None if none is near, or two are equally near.

    Case, accents and separators do not count. A character more, less or another one is a change, and so is a swap of
    two neighbours. A number may differ by one change, any other name by a third of its length, or by a missing end.
    """
    plain = plain_name(wrong)
    most = 1 if plain.isdigit() else max(1, len(plain) // 3)
    distances = [(_distance(plain, plain_name(name), most), name) for name in known]
    near = sorted(found for found in distances if found[0] <= most)
    alone = len(near) == 1 or (len(near) > 1 and near[0][0] < near[1][0])
    return near[0][1] if alone else None


def plain_name(name: str) -> str:
    """Returns a name without case, accents and separators; as it is if nothing else is in it."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if char.isalnum()) or name


def composed(name: str) -> str:
    """Returns a name in Unicode's form NFC: systems write one accent as one character or as two."""
    return unicodedata.normalize("NFC", name)


def _distance(plain: str, other: str, most: int) -> int:
    """Returns the changes between two names; more than `most` if there are more."""
    cut = min(len(plain), len(other)) >= _SHORTEST_BEGINNING and not plain.isdigit()
    if cut and (other.startswith(plain) or plain.startswith(other)):
        return min(most, abs(len(other) - len(plain)))
    return _changes(plain, other) if abs(len(other) - len(plain)) <= most else most + 1


def _changes(one: str, other: str) -> int:
    """Counts the changes from one text to the other (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, character in enumerate(one, 1):
        above, row = row, [index]
        for column, wanted in enumerate(other, 1):
            least = min(above[column] + 1, row[-1] + 1, above[column - 1] + (character != wanted))
            swapped = index > 1 and column > 1 and character == other[column - 2] and one[index - 2] == wanted
            row.append(min(least, before[column - 2] + 1) if swapped else least)
        before = above
    return row[-1]
