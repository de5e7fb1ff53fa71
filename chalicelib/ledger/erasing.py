"""Taking personal data out of the ledger: what stays of an event is its id, type, times, accounts and states."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any

from ..domain.erasure import loses_its_data
from ..domain.events import Event, Status
from ..domain.ordering import SubscriptionState, latest
from ..domain.times import epoch_milliseconds as to_ms
from .keys import EVERY_ACCOUNT, AddressKeys, event_key
from .table import ConditionFailed, Table

PERSONAL = "email, #fields, consent, waiting_ids"
"""The attributes of an event's item that are about a person, as an update removes them."""
PERSONAL_NAME = {"fields": "fields"}
_STATUS_NAME = {"status": "status"}
_TRIES = 3


class Outcome(Enum):
    """What came of erasing an event."""

    ERASED = auto()
    WAITING = auto()
    """It is not final yet, and keeps its data until it is."""
    NOTHING = auto()
    """It holds none, or is gone."""


def erase(table: Table, event_id: str, now: datetime) -> Outcome:
    """Take a signup's or an unsubscribe's personal data out, if the event is final at all its accounts.

    Raises LedgerUnavailable; doing it again is harmless then.
    """
    return erase_items(table, table.query(event_key(event_id)[0]), now)


def erase_items(table: Table, items: Sequence[Mapping[str, Any]], now: datetime) -> Outcome:
    """The same for an event whose items were just read.

    Of an event for several accounts each delivery is marked first, and can then not be sent again; so nothing is
    pending when the address goes. The event of a wish to be forgotten erases before itself what was in a worker's hands
    when the wish came, and so waited for it.
    """
    own = next((item for item in items if item["sk"] == "E"), None)
    if own is None or "email" not in own:
        return Outcome.NOTHING
    if any(item.get("status") == Status.PENDING.value for item in items):
        return Outcome.WAITING
    if not all(table.in_parallel(lambda item: _mark(table, item, now), [item for item in items if item is not own])):
        return Outcome.WAITING
    for other in own.get("waiting_ids", ()):
        erase(table, other, now)
    try:
        table.update(
            (own["pk"], own["sk"]),
            f"SET erased = :now REMOVE {PERSONAL}",
            {"now": to_ms(now), "pending": Status.PENDING.value},
            condition="attribute_exists(email) AND (attribute_not_exists(#status) OR #status <> :pending)",
            names=_STATUS_NAME | PERSONAL_NAME,
        )
    except ConditionFailed as found:
        return Outcome.WAITING if "email" in found.found else Outcome.NOTHING
    return Outcome.ERASED


def _mark(table: Table, delivery: Mapping[str, Any], now: datetime) -> bool:
    try:
        table.update(
            (delivery["pk"], delivery["sk"]),
            "SET erased = :now",
            {"now": to_ms(now), "pending": Status.PENDING.value},
            condition="attribute_exists(pk) AND #status <> :pending",
            names=_STATUS_NAME,
        )
    except ConditionFailed as found:
        return not found.found  # expired and deleted meanwhile
    return True


def person_is_forgotten(table: Table, keys: AddressKeys, event: Event, items: Sequence[Mapping[str, Any]]) -> bool:
    """Does an event for several accounts, whose `items` are all final, lose its data for its person's wish?"""
    if not event.email:
        return False
    partitions = [keys.partition(event.email), *keys.older_partitions(event.email)]
    words = table.get_many((partition, EVERY_ACCOUNT) for partition in partitions).values()
    word = SubscriptionState(forgotten_at=latest(*(word.get("forgotten_at") for word in words)))
    statuses = {Status(item["status"]) for item in items if "status" in item}
    return loses_its_data(event.type, to_ms(event.occurred_at), word, statuses)


def record_waiting(table: Table, event_id: str, waiting: Sequence[str]) -> bool:
    """Note at the event of a wish to be forgotten what has to be erased before it; False if it is erased itself."""
    try:
        table.update(
            event_key(event_id),
            "SET waiting_ids = :ids",
            {"ids": list(waiting)},
            condition="attribute_exists(email)",
        )
    except ConditionFailed:
        return False
    return True


def take_contacts_out(table: Table, event_id: str, theirs: Callable[[Sequence[Mapping[str, str]]], list[bool]]) -> bool:
    """Take a person's contacts out of a sync, pending or not; False if it holds none of them.

    `theirs` tells for each contact whether it is the person's. A worker that has read the sync already may still make
    signups of them; those find that the person has left.
    """
    for _ in range(_TRIES):
        seen = ((table.get(event_key(event_id)) or {}).get("sync") or {}).get("contacts")
        if seen is None:
            return False
        contacts = json.loads(seen)
        kept = [contact for contact, out in zip(contacts, theirs(contacts), strict=True) if not out]
        if len(kept) == len(contacts):
            return False
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        try:
            table.update(
                event_key(event_id),
                "SET #sync.contacts = :kept" if kept else "REMOVE #sync.contacts",
                {"seen": seen, "kept": text if kept else None},
                condition="#sync.contacts = :seen",
                names={"sync": "sync"},
            )
        except ConditionFailed:
            continue
        return True
    return False
