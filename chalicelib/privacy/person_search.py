"""Finds the stored events of one address, for operators; events contain it as the person typed it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.addresses import normal_forms
from ..domain.erasure import contacts_of, is_person
from ..domain.kept_bodies import mentions
from ..ledger.keys import event_id_of
from ..ledger.table import Table
from ..operators.ledger_scan import PARTS, CheckTime

# Expired items are final and count as deleted, although DynamoDB deletes them up to days later.
_EVENTS = "begins_with(#pk, :event) AND #sk = :own AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
_ATTRIBUTES = ("pk", "sk", "email", "sync", "body", "expires_at")


@dataclass(frozen=True, slots=True)
class PersonEvents:
    """Ids of the events of an address, and of the syncs and the refused messages that contain it."""

    events: tuple[str, ...] = ()
    syncs: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


class PersonSearch:
    """Scans all events consistently, in parallel segments: there is no index from a person to their events."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, email: str, now: datetime, check_time: CheckTime) -> PersonEvents:
        """Finds all events with the address, in any spelling. Raises LedgerUnavailable and what `check_time` raises."""
        wanted = normal_forms(email)
        parts = self._table.in_parallel(lambda part: self._part(part, wanted, now, check_time), range(PARTS))
        return PersonEvents(
            tuple(event_id for found in parts for event_id in found.events),
            tuple(event_id for found in parts for event_id in found.syncs),
            tuple(event_id for found in parts for event_id in found.messages),
        )

    def _part(self, part: int, wanted: frozenset[str], now: datetime, check_time: CheckTime) -> PersonEvents:
        events: list[str] = []
        syncs: list[str] = []
        messages: list[str] = []
        given = {"event": "E#", "own": "E", "now": int(now.timestamp())}
        check_time()
        for page in self._table.scan(part, PARTS, _EVENTS, _ATTRIBUTES, given):
            for item in page:
                if is_person(item.get("email"), wanted):
                    events.append(event_id_of(item["pk"]))
                elif _is_among(item.get("sync"), wanted):
                    syncs.append(event_id_of(item["pk"]))
                elif "body" in item and mentions(json.loads(item["body"]), wanted):
                    messages.append(event_id_of(item["pk"]))
            check_time()
        return PersonEvents(tuple(events), tuple(syncs), tuple(messages))


def _is_among(sync: Mapping[str, Any] | None, wanted: frozenset[str]) -> bool:
    contacts = (sync or {}).get("contacts")
    return contacts is not None and any(contacts_of(json.loads(contacts), wanted))
