"""Finding the bad rows of a refused batch: halves until a row stands alone, and when to blame the list instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Row = TypeVar("Row")

SINGLES_THAT_BLAME_THE_LIST = 8
WITNESSES = 2
"""Rows from elsewhere in the batch that must be refused in the same words before the list is blamed: without them a
few bad rows at the head of what waits would stop a list for as long as they are retried."""


@dataclass(slots=True)
class Bisection(Generic[Row]):
    """The state of one batch on its way through refusals.

    Ask `next_part` for rows to send, then tell `accepted` or `refused`. Of n rows with one bad one, at most
    1 + 2·⌈log₂ n⌉ parts are sent (17 for 255). `suspects` are rows refused alone, with the provider's words; they are
    only refused for good once the batch has ended and the list is known not to be at fault.
    """

    rows: Sequence[Row]
    suspects: list[tuple[Row, str]] = field(default_factory=list)
    any_accepted: bool = False
    _waiting: list[Sequence[Row]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.rows:
            self._waiting.append(self.rows)

    def next_part(self) -> Sequence[Row] | None:
        """The rows to send next; None when all have been dealt with or the list is at fault."""
        if self.list_is_at_fault or not self._waiting:
            return None
        return [self._witness()] if self._looks_at_fault else self._waiting.pop()

    def _witness(self) -> Row:
        """A row far from those that were refused, taken out of what waits: the last one, then one from the middle."""
        place = -1 if len(self.suspects) == SINGLES_THAT_BLAME_THE_LIST else 0
        farthest = self._waiting[0]
        witness = farthest[place]
        rest = farthest[:-1] if place else farthest[1:]
        self._waiting[:1] = [rest] if rest else []
        return witness

    def accepted(self) -> None:
        """The part sent last was accepted."""
        self.any_accepted = True

    def refused(self, part: Sequence[Row], words: str) -> None:
        """`part` was refused in the provider's `words`: split it, or suspect its only row."""
        if len(part) == 1:
            self.suspects.append((part[0], words))
            return
        middle = (len(part) + 1) // 2
        self._waiting += [part[middle:], part[:middle]]

    @property
    def left(self) -> list[Row]:
        """Rows that have not been sent alone or accepted yet."""
        return [row for part in reversed(self._waiting) for row in part]

    @property
    def all_refused_alike(self) -> bool:
        """Nothing was accepted, and every row that stood alone was refused in the same words."""
        return not self.any_accepted and len({words for _, words in self.suspects}) == 1

    @property
    def list_is_at_fault(self) -> bool:
        """Eight rows one by one and the witnesses, all refused in the same words: so many bad ones are not believed."""
        witnessed = len(self.suspects) >= SINGLES_THAT_BLAME_THE_LIST + WITNESSES
        return self._looks_at_fault and (witnessed or not self._waiting)

    @property
    def _looks_at_fault(self) -> bool:
        return self.all_refused_alike and len(self.suspects) >= SINGLES_THAT_BLAME_THE_LIST
