"""An account's opt-out list: single rows, and blocks of generated ones that take no memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clock import paris

ENCODED_AT_ONCE = 1000
_FIRST_GROWN_ID = 10_000_000
_GROWN = re.compile(r"grown([0-9]{1,9})@(.+)")
# Placeholders of id and number in a row's text; no domain or time contains them.
_ID, _NUMBER = "9070503010", "8060402090"


def stamp(moment: datetime) -> str:
    """Returns a time as the vendor writes it: Paris time without a zone."""
    return paris(moment).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class OptOut:
    """A row of the opt-out list. `value` is an address, or a telephone number, as the vendor's own sample shows."""

    id: int
    value: str
    created: datetime

    def row(self) -> dict[str, Any]:
        """Returns the row as `unsubscribe/list` shows it."""
        return {"id": self.id, "email": self.value, "createdAt": stamp(self.created)}


@dataclass(frozen=True, slots=True)
class GeneratedRows:
    """The rows of numbers `first` to `last`: `grown{number}@{domain}`, each with an id of its own."""

    first: int
    last: int
    domain: str
    created: datetime

    def encoded(self, encode: Callable[[Any], str], deleted: frozenset[int]) -> Iterator[str]:
        """Yields the text of each row that is not deleted, from a template that `encode` makes."""
        row = OptOut(int(_ID), f"grown{_NUMBER}@{self.domain}", self.created).row()
        before, _, rest = encode(row).partition(_ID)
        between, _, after = rest.partition(_NUMBER)
        for number in range(self.first, self.last + 1):
            if number not in deleted:
                yield f"{before}{_FIRST_GROWN_ID + number}{between}{number}{after}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The list at the time of a request."""

    rows: tuple[OptOut, ...]
    blocks: tuple[GeneratedRows, ...]
    deleted: frozenset[int]

    def encoded(self, encode: Callable[[Any], str]) -> Iterator[list[str]]:
        """Yields every row as text, in parts."""
        part: list[str] = []
        for text in self._texts(encode):
            part.append(text)
            if len(part) == ENCODED_AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def _texts(self, encode: Callable[[Any], str]) -> Iterator[str]:
        yield from (encode(row.row()) for row in self.rows)
        for block in self.blocks:
            yield from block.encoded(encode, self.deleted)


class OptOuts:
    """Rows by id, and by value in any case."""

    def __init__(self, rows: Iterable[OptOut] = ()) -> None:
        self._rows: dict[int, OptOut] = {}
        self._by_value: dict[str, set[int]] = {}
        self._blocks: list[GeneratedRows] = []
        self._deleted: set[int] = set()
        """Numbers of deleted generated rows."""
        self._grown = 0
        for row in rows:
            self.put(row)

    def __len__(self) -> int:
        return len(self._rows) + self._grown - len(self._deleted)

    def __contains__(self, value: str) -> bool:
        return bool(self._by_value.get(value.lower())) or self._number_of(value) is not None

    def put(self, row: OptOut) -> None:
        """Adds a row, or replaces the one of its id."""
        self.delete(row.id)
        self._rows[row.id] = row
        self._by_value.setdefault(row.value.lower(), set()).add(row.id)

    def grow(self, count: int, domain: str, created: datetime) -> None:
        """Adds a block of generated rows."""
        self._blocks.append(GeneratedRows(self._grown, self._grown + count - 1, domain.lower(), created))
        self._grown += count

    def delete(self, number: int) -> bool:
        """Deletes the row of an id; False if there is none."""
        row = self._rows.pop(number, None)
        if row is not None:
            self._by_value[row.value.lower()].discard(number)
            return True
        grown = number - _FIRST_GROWN_ID
        if not 0 <= grown < self._grown or grown in self._deleted:
            return False
        self._deleted.add(grown)
        return True

    def remove(self, value: str) -> None:
        """Deletes every row of an address."""
        for number in list(self._by_value.get(value.lower(), ())):
            self.delete(number)
        grown = self._number_of(value)
        if grown is not None:
            self._deleted.add(grown)

    def snapshot(self) -> Snapshot:
        """Returns the present list."""
        return Snapshot(tuple(self._rows.values()), tuple(self._blocks), frozenset(self._deleted))

    def shown(self, newest: int | None) -> Mapping[str, Any]:
        """Returns at most `newest` single rows, and the number of generated ones."""
        rows = [row.row() for row in self._rows.values()]
        return {
            "optouts": rows if newest is None else rows[-newest:],
            "optouts_grown": self._grown - len(self._deleted),
        }

    def _number_of(self, value: str) -> int | None:
        """Returns the number of the generated row with this address."""
        found = _GROWN.fullmatch(value.lower())
        if found is None or str(int(found[1])) != found[1] or int(found[1]) in self._deleted:
            return None
        number = int(found[1])
        exists = any(block.first <= number <= block.last and block.domain == found[2] for block in self._blocks)
        return number if exists else None
