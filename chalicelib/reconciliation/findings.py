"""What may be left behind in the ledger when a process dies at the wrong moment: how it is found, and put right.

Only events and their deliveries are looked at. Words never expire and are nobody's to tidy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.events import Delivery, Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.attributes import Attributes, well_formed
from ..ledger.events import PENDING, STATUS_NAME, EventStore
from ..ledger.keys import due_partition, event_id_of, event_key, shard_of
from ..ledger.table import ConditionFailed, Key, Table
from ..names import DUE_INDEX
from .rules import LONG_PAST, Place

PAGE_ITEMS = 1000
"""Items looked at in one step."""
_READ = ("pk", "sk", "status", "accounts", "due_pk", "due_at", "expires_at", "updated")
# Pending, and not where sweep looks, or there for too long.
_PERHAPS_LOST = (
    "(#status = :pending AND (attribute_not_exists(#due_pk) OR attribute_not_exists(#due_at)"
    " OR #due_at <= :long_past OR attribute_exists(#expires_at)))"
)
_KEPT_FOR_EVER = "(attribute_not_exists(#expires_at) AND (attribute_not_exists(#status) OR #status <> :pending))"
# What else may be left behind is added here, and to `reconciliation/repair.py`.
_WANTED = f"begins_with(#pk, :event) AND ({_PERHAPS_LOST} OR {_KEPT_FOR_EVER})"
_DELIVERY = "D#"


@dataclass(frozen=True, slots=True)
class Left:
    """An item of an event that may need mending."""

    key: Key
    status: Status | None
    """None: an event for several accounts, whose deliveries stand beside it."""
    account: str | None
    """Whose delivery it is; None as above."""
    place: Place
    updated: int
    """When a delivery was last written (ms); 0 if it is none."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        return event_id_of(self.key[0])

    @property
    def is_single(self) -> bool:
        """An event with its one delivery, not a part of an event for several accounts."""
        return self.status is not None and self.key == event_key(self.event_id)


class FindingStore:
    """Finds what was left behind, and puts it right by conditional writes. Everything raises LedgerUnavailable."""

    def __init__(self, table: Table, events: EventStore) -> None:
        self._table = table
        self._events = events

    def page(self, after: Key | None, now: datetime) -> tuple[list[Left], Key | None]:
        """What may need mending among the `PAGE_ITEMS` items after `after`, and the key to go on after (None: end).

        Malformed items are passed over, logged and counted.
        """
        values = {
            "event": "E#",
            "pending": Status.PENDING.value,
            "long_past": int((now - LONG_PAST).timestamp()),
        }
        items, last = self._table.scan_page(after, PAGE_ITEMS, _WANTED, _READ, values)
        left = (well_formed(_left_from, item) for item in items)
        return [one for one in left if one is not None], last

    def is_in_index(self, left: Left) -> bool:
        """Does the index show a delivery where its own attributes say that it stands?"""
        place = left.place
        if place.due_pk is None or place.due_at is None:
            return False
        return any(
            (key["pk"], key["sk"]) == left.key
            for key in self._table.query_due_at(DUE_INDEX, place.due_pk, place.due_at)
        )

    def put_back(self, event: Event, delivery: Delivery, left: Left, now: datetime) -> bool:
        """Have a pending delivery found again, due at once or at its own time; False if it has moved on since.

        It does not expire any more.
        """
        due = max(now, delivery.next_attempt_at or now)
        place = left.place
        conditions = [
            PENDING,
            "due_pk = :seen_pk" if place.due_pk is not None else "attribute_not_exists(due_pk)",
            "due_at = :seen_at" if place.due_at is not None else "attribute_not_exists(due_at)",
        ]
        values = {
            "pending": Status.PENDING.value,
            "seen_pk": place.due_pk,
            "seen_at": place.due_at,
            "due_pk": due_partition(delivery.account, event.type, shard_of(event.id)),
            "due_at": to_ms(due) // 1000,
        }
        return self._changed(left.key, "SET due_pk = :due_pk, due_at = :due_at REMOVE expires_at", values, conditions)

    def let_expire(self, left: Left, now: datetime) -> bool:
        """Let an item expire, and nobody ring for it; False if it has moved on since.

        Should it be a delivery whose event is held after all, its holder, or the next pass, puts it back.
        """
        values = {"expires": self._events.expiry(now), "seen": left.status.value if left.status else None}
        conditions = ["#status = :seen", "attribute_not_exists(expires_at)"]
        return self._changed(left.key, "SET expires_at = :expires REMOVE due_pk, due_at", values, conditions)

    def _changed(self, key: Key, change: str, values: Mapping[str, Any], conditions: list[str]) -> bool:
        try:
            self._table.update(key, change, values, condition=" AND ".join(conditions), names=STATUS_NAME)
        except ConditionFailed:
            return False
        return True


def _left_from(item: Attributes) -> Left:
    key = (item.text("pk"), item.text("sk"))
    status: Status | None
    account: str | None
    if key[1].startswith(_DELIVERY):
        status, account = item.one_of("status", Status), key[1].removeprefix(_DELIVERY)
    else:
        accounts = item.texts("accounts")
        if len(accounts) == 1:
            status, account = item.one_of("status", Status), accounts[0]
        else:
            status, account = None, None
    place = Place(item.optional_text("due_pk"), item.optional_whole("due_at"), item.optional_whole("expires_at"))
    return Left(key, status, account, place, item.optional_milliseconds("updated") or 0)
