"""Finds what the ledger holds about one address, for operators: events hold it as the person typed it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.addresses import normalise
from ..domain.erasure import contacts_of, is_person
from ..ledger.keys import event_id_of
from ..ledger.table import Table
from ..operators.ledger_scan import PARTS, CheckTime

# What expires is final and forgotten, though DynamoDB deletes it up to days later.
_EVENTS = "begins_with(#pk, :event) AND #sk = :own AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
_ATTRIBUTES = ("pk", "sk", "email", "sync", "expires_at")


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of what is held about an address: events of its own, and syncs that have it among their contacts."""

    events: tuple[str, ...]
    syncs: tuple[str, ...]


class PersonSearch:
    """Reads all events, consistently and in parallel parts: no index leads from a person to their events."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, email: str, now: datetime, check_time: CheckTime) -> Found:
        """Whatever holds the address, in any spelling. Raises LedgerUnavailable, and what `check_time` raises."""
        wanted = normalise(email)
        parts = self._table.in_parallel(lambda part: self._part(part, wanted, now, check_time), range(PARTS))
        return Found(
            tuple(event_id for found in parts for event_id in found.events),
            tuple(event_id for found in parts for event_id in found.syncs),
        )

    def _part(self, part: int, wanted: str, now: datetime, check_time: CheckTime) -> Found:
        events: list[str] = []
        syncs: list[str] = []
        given = {"event": "E#", "own": "E", "now": int(now.timestamp())}
        check_time()
        for page in self._table.scan(part, PARTS, _EVENTS, _ATTRIBUTES, given):
            for item in page:
                if is_person(item.get("email"), wanted):
                    events.append(event_id_of(item["pk"]))
                elif _is_among(item.get("sync"), wanted):
                    syncs.append(event_id_of(item["pk"]))
            check_time()
        return Found(tuple(events), tuple(syncs))


def _is_among(sync: Mapping[str, Any] | None, wanted: str) -> bool:
    contacts = (sync or {}).get("contacts")
    return contacts is not None and any(contacts_of(json.loads(contacts), wanted))
