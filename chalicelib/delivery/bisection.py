"""Bisects a refused batch down to its bad rows, and decides when the list is at fault instead."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from ..domain.errors import ProviderError
from ..domain.repeated_refusals import same_words

Row = TypeVar("Row")

SINGLES_THAT_BLAME_THE_LIST = 8
SAMPLES = 2
"""Rows from elsewhere in the batch that must be refused with the same message before the list is blamed. Without them
a few bad rows at the head of the batch would stop a list for as long as they are retried."""
ROWS_THAT_BLAME_THE_LIST = SINGLES_THAT_BLAME_THE_LIST + SAMPLES


class Bisection(Generic[Row]):
    """Tracks one batch through refusals.

    Call `next_part` for rows to send, then `accepted` or `refused`. Of n rows with one bad one, at most
    1 + 2·⌈log₂ n⌉ parts are sent (17 for 255). `rejected` are rows refused alone, with the provider's error; they are
    refused for good only once the batch has ended and the list is known not to be at fault.

    `size` rows fill a call; a batch of more takes several.

    `halves_of` divides a row that is refused alone (None: it cannot be divided), the first half to be sent first.
    `person_of` identifies the person of a row: only rows of different persons are evidence against the list.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        size: int,
        halves_of: Callable[[Row], tuple[Row, Row] | None] = lambda row: None,
        person_of: Callable[[Row], Hashable] = lambda row: row,
    ) -> None:
        self.rejected: list[tuple[Row, ProviderError]] = []
        self._halves_of = halves_of
        self._person_of = person_of
        self.accepted_rows: list[Row] = []
        self._waiting: list[Sequence[Row]] = [rows[at : at + size] for at in range(0, len(rows), size)][::-1]

    def next_part(self) -> Sequence[Row] | None:
        """Returns the rows to send next; None when the batch has ended or the list is at fault."""
        if not self._waiting:
            return None
        few = len(self.rejected) < SINGLES_THAT_BLAME_THE_LIST or self._rejected_persons < SINGLES_THAT_BLAME_THE_LIST
        if few or not self.all_refused_alike:
            return self._waiting.pop()
        return None if self.list_is_at_fault else [self._take_sample()]

    def _take_sample(self) -> Row:
        """Removes and returns a waiting row far from the rejected ones: first the last, then one from the middle."""
        place = -1 if self._rejected_persons == SINGLES_THAT_BLAME_THE_LIST else 0
        farthest = self._waiting[0]
        sample = farthest[place]
        rest = farthest[:-1] if place else farthest[1:]
        self._waiting[:1] = [rest] if rest else []
        return sample

    def accepted(self, part: Sequence[Row]) -> None:
        """Records that the provider accepted `part`."""
        self.accepted_rows += part

    def refused(self, part: Sequence[Row], error: ProviderError) -> None:
        """Records that `part` was refused with the provider's `error`: halves it, or rejects its only row."""
        if len(part) == 1:
            halves = self._halves_of(part[0])
            if halves is None:
                self.rejected.append((part[0], error))
            else:
                self._waiting += [[halves[1]], [halves[0]]]
            return
        middle = (len(part) + 1) // 2
        self._waiting += [part[middle:], part[:middle]]

    def drop_remaining(self) -> list[Row]:
        """Removes and returns the remaining rows: the batch ends here."""
        dropped, self._waiting = self.remaining, []
        return dropped

    @property
    def remaining(self) -> list[Row]:
        """Rows that were neither accepted nor rejected alone yet."""
        return [row for part in reversed(self._waiting) for row in part]

    @property
    def unaccepted(self) -> list[Row]:
        """Rows that were not accepted: the remaining and the rejected ones."""
        return [*self.remaining, *(row for row, _ in self.rejected)]

    @property
    def all_refused_alike(self) -> bool:
        """True if nothing was accepted and every rejected row was refused in the same words."""
        return not self.accepted_rows and len({same_words(error.message) for _, error in self.rejected}) == 1

    @property
    def list_is_at_fault(self) -> bool:
        """True if eight single rows and the samples were refused alike; so many bad rows are implausible."""
        enough = SINGLES_THAT_BLAME_THE_LIST + (SAMPLES if self._waiting else 0)
        return self._rejected_persons >= enough and self.all_refused_alike

    @property
    def _rejected_persons(self) -> int:
        return len({self._person_of(row) for row, _ in self.rejected})
