"""Erases personal data from the ledger; an erased event retains its id, type, times, accounts and states."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any

from ..domain.erasure import loses_its_data
from ..domain.errors import LedgerUnavailable
from ..domain.events import Event, Status
from ..domain.kept_bodies import mentions, without_entries_of
from ..domain.ordering import SubscriptionState, latest
from ..domain.times import epoch_milliseconds as to_ms
from .attributes import Milliseconds, strictly
from .keys import EVERY_ACCOUNT, AddressKeys, delivery_key, event_key
from .table import ConditionFailed, Table

PERSONAL = ("email", "fields", "consent", "waiting_ids")
"""The personal attributes of an event's item."""
_STATUS_NAME = {"status": "status"}
_TRIES = 3
_OTHERS_WROTE = "other calls write to the same event"


class ErasureOutcome(Enum):
    """The result of erasing an event."""

    ERASED = auto()
    WAITING = auto()
    """It is not final yet, and retains its data until it is."""
    NOTHING = auto()
    """It has no personal data, or does not exist."""


def erase(table: Table, event_id: str, now: datetime) -> ErasureOutcome:
    """Erases the personal data of a signup or unsubscribe that is final at all its accounts.

    Raises LedgerUnavailable; the call can be repeated safely.
    """
    return erase_items(table, table.query(event_key(event_id)[0]), now)


def erase_items(table: Table, items: Sequence[Mapping[str, Any]], now: datetime) -> ErasureOutcome:
    """Erases as `erase`, for an event whose items were just read.

    Each delivery of an event for several accounts is marked first and cannot be requeued from then on, so nothing is
    pending when the address is removed. The event of a forget request first erases the events that workers had claimed
    when the request was made (`waiting_ids`).
    """
    own = next((item for item in items if item["sk"] == "E"), None)
    if own is None or "email" not in own:
        return ErasureOutcome.NOTHING
    if any(item.get("status") == Status.PENDING.value for item in items):
        return ErasureOutcome.WAITING
    if not all(table.in_parallel(lambda item: _mark(table, item, now), [item for item in items if item is not own])):
        return ErasureOutcome.WAITING
    for other in own.get("waiting_ids", ()):
        erase(table, other, now)
    try:
        table.update(
            (own["pk"], own["sk"]),
            f"SET erased = :now REMOVE due_pk, due_sk, {', '.join(f'#{name}' for name in PERSONAL)}",
            {"now": to_ms(now), "pending": Status.PENDING.value},
            condition="attribute_exists(email) AND (attribute_not_exists(#status) OR #status <> :pending)",
            names=_STATUS_NAME | {name: name for name in PERSONAL},
        )
    except ConditionFailed as found:
        return ErasureOutcome.WAITING if "email" in found.found else ErasureOutcome.NOTHING
    return ErasureOutcome.ERASED


def _mark(table: Table, delivery: Mapping[str, Any], now: datetime) -> bool:
    try:
        table.update(
            (delivery["pk"], delivery["sk"]),
            "SET erased = :now REMOVE due_pk, due_sk",
            {"now": to_ms(now), "pending": Status.PENDING.value},
            condition="attribute_exists(pk) AND #status <> :pending",
            names=_STATUS_NAME,
        )
    except ConditionFailed as found:
        return not found.found  # expired and deleted meanwhile
    return True


def person_is_forgotten(table: Table, keys: AddressKeys, event: Event, items: Sequence[Mapping[str, Any]]) -> bool:
    """Returns True if a forget request requires that an event for several accounts, all of them final, is erased.

    Raises MalformedItem if it cannot be read whether the person asked for it.
    """
    if not event.email:
        return False
    partitions = keys.partitions_of_readings(event.email)
    states = table.get_many((partition, EVERY_ACCOUNT) for partition in partitions).values()
    requested = [strictly(lambda item: item.optional("forgotten_at", Milliseconds), item) for item in states]
    state = SubscriptionState(forgotten_at=latest(*requested))
    statuses = {Status(item["status"]) for item in items if "status" in item}
    return loses_its_data(event.type, to_ms(event.occurred_at), state, statuses)


def record_waiting(table: Table, event_id: str, waiting: Sequence[str]) -> bool:
    """Records the events that must be erased before a forget request's event; False if that is erased already."""
    return table.try_update(
        event_key(event_id), "SET waiting_ids = :ids", {"ids": list(waiting)}, condition="attribute_exists(email)"
    )


def take_contacts_out(table: Table, event_id: str, theirs: Callable[[Sequence[Mapping[str, str]]], list[bool]]) -> bool:
    """Removes a person's contacts from a sync, pending or final; False if it has none of them.

    `theirs` returns for each contact whether it is the person's. A worker that has already read the sync may still
    create signups from them; these are then suppressed or superseded, since the person is unsubscribed. Raises
    LedgerUnavailable, also if other calls keep changing the sync: a repeated call is safe.
    """
    for _ in range(_TRIES):
        seen = ((table.get(event_key(event_id)) or {}).get("sync") or {}).get("contacts")
        if seen is None:
            return False
        contacts = json.loads(seen)
        remaining = [contact for contact, out in zip(contacts, theirs(contacts), strict=True) if not out]
        if len(remaining) == len(contacts):
            return False
        text = json.dumps(remaining, ensure_ascii=False, separators=(",", ":"))
        if table.try_update(
            event_key(event_id),
            "SET #sync.contacts = :remaining" if remaining else "REMOVE #sync.contacts",
            {"seen": seen, "remaining": text if remaining else None},
            condition="#sync.contacts = :seen",
            names={"sync": "sync"},
        ):
            return True
    raise LedgerUnavailable(_OTHERS_WROTE)


def take_out_of_body(table: Table, event_id: str, now: datetime, person: frozenset[str]) -> bool:
    """Removes a person from the kept body of a refused message; False if it has none, or the person is not in it.

    `person` is the `normal_forms` of an address. Entries of the person in a list of contacts or events are removed; a
    body in which the person is elsewhere is erased. Raises LedgerUnavailable, also if other calls keep changing the
    body: a repeated call is safe.
    """
    for _ in range(_TRIES):
        item = table.get(event_key(event_id)) or {}
        body = item.get("body")
        value = None if body is None else json.loads(body)
        if not mentions(value, person):
            return False
        remaining = without_entries_of(value, person)
        kept = None if mentions(remaining, person) else json.dumps(remaining, separators=(",", ":"))
        if table.try_update(
            event_key(event_id),
            "SET erased = :now REMOVE body, due_pk, due_sk" if kept is None else "SET body = :kept",
            {"now": to_ms(now) if kept is None else None, "kept": kept, "seen": body},
            condition="body = :seen",
        ):
            if kept is None:
                _remove_from_index(table, event_id, item.get("accounts", ()))
            return True
    raise LedgerUnavailable(_OTHERS_WROTE)


def _remove_from_index(table: Table, event_id: str, accounts: Sequence[str]) -> None:
    """Removes separate deliveries of an erased message from the index: there is nothing left to send again."""
    for account in accounts if len(accounts) > 1 else ():
        key = delivery_key(event_id, account, accounts)
        table.try_update(key, "REMOVE due_pk, due_sk", {}, condition="attribute_exists(pk)")
