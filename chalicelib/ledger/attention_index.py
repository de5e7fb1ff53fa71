"""Defines the ranges of the `due` index that the attention list reads, places in them, and cursors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from ..domain.ids import is_valid_id
from .event_items import FIRST_DUE
from .keys import LATEST, QUARANTINED, WAITING, IndexRange, event_id_of, event_key, parse_sort_key, sort_key
from .quarantine import QUARANTINE_LENGTH

_LONGEST_CURSOR = 1024


class Listed(StrEnum):
    """The statuses that a list may be restricted to."""

    PENDING = "pending"
    """Also what is quarantined, as in `report`."""
    PARKED = "parked"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


class BadCursor(ValueError):
    """A cursor that no page of this list returned."""


@dataclass(frozen=True, slots=True)
class ListedRange:
    """A range of the index of an account, and how its sort key relates to the time of acceptance."""

    account: str
    kind: IndexRange
    listed: Listed
    later: int = 0
    """Milliseconds by which a new delivery is due after its acceptance."""
    exact: bool = True
    """True if every delivery in it is due exactly so much later; False if retries are due later still."""

    @property
    def name(self) -> str:
        """The name of the range in cursors."""
        return f"{self.account}#{self.kind.value}"

    def position(self, at: int) -> int:
        """Returns when a delivery whose sort key has the time `at` was accepted (ms), as far as that is known."""
        return at - self.later

    def latest(self, position: int) -> int:
        """Returns the latest time of a sort key whose position is not after `position`."""
        return position + self.later

    def earliest(self, accepted: int) -> int:
        """Returns a time before which there is nothing that was accepted at `accepted` (ms) or later."""
        return accepted + (self.later if self.exact else 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: range, time in the sort key of the index, key of the item."""

    part: ListedRange
    at: int
    pk: str
    sk: str

    @property
    def order(self) -> tuple[int, str]:
        """Sorts places, the newest first; equal ones of one range stay in the order of DynamoDB."""
        return -self.part.position(self.at), self.part.name

    @property
    def key(self) -> dict[str, str]:
        """The place as a key of the index."""
        return {"pk": self.pk, "sk": self.sk, "due_sk": sort_key(self.part.kind, self.at)}


KINDS: Mapping[IndexRange, tuple[Listed, timedelta, bool]] = {
    **dict.fromkeys(WAITING.values(), (Listed.PENDING, FIRST_DUE, False)),
    **{QUARANTINED[event_type]: (Listed.QUARANTINED, length, True) for event_type, length in QUARANTINE_LENGTH.items()},
    IndexRange.PARKED: (Listed.PARKED, timedelta(), True),
    IndexRange.REFUSED: (Listed.REFUSED, timedelta(), True),
}
"""What each range lists, how much later than its acceptance a delivery is due, and whether exactly so much."""
TYPES = {part: event_type for ranges in (WAITING, QUARANTINED) for event_type, part in ranges.items()}
"""The type of the events of a range, where it has one."""


def are_neighbours(higher: ListedRange, lower: ListedRange) -> bool:
    """Returns whether nothing lies between two ranges."""
    order = sorted(IndexRange)
    return higher.account == lower.account and order.index(higher.kind) == order.index(lower.kind) + 1


def place_of(key: Mapping[str, Any], ranges: Sequence[ListedRange]) -> Place:
    """Returns the place of an index key within `ranges`; the end of the last range if the key cannot be read."""
    try:
        kind, at = parse_sort_key(key["due_sk"])
        part = next(one for one in ranges if one.kind is kind)
    except (ValueError, StopIteration):
        part, at = ranges[-1], 0
    return Place(part, at, key["pk"], key["sk"])


def encode_cursor(place: Place) -> str:
    """Makes the cursor that continues a list after a place."""
    values = [place.part.name, place.at, event_id_of(place.pk), place.sk == "E"]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, ranges: Sequence[ListedRange]) -> Place:
    """Parses a cursor; a forged one leads to a place within `ranges`, too, or is refused. Raises BadCursor."""
    known = {part.name: part for part in ranges}
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [str(name), int(at), str(event_id), bool(single)] if (
                name in known and type(at) is int and 0 <= at <= LATEST and is_valid_id(event_id)
            ):
                part = known[name]
                pk, sk = event_key(event_id) if single else (event_key(event_id)[0], f"D#{part.account}")
                return Place(part, at, pk, sk)
    except (ValueError, RecursionError):
        raise BadCursor("not a cursor of this list") from None
    raise BadCursor("a cursor of another list")
