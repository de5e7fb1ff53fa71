"""Data of the simulated providers and the calls they got, as seen by their owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.sandbox import Control
from tests.chaos.sent_events import TAG_FIELDS

_UNSUBSCRIBING = {"unsub_add": "paris", "unsubscribe/add": "lettre", "unsubscribe_by_address": "brussel"}
_UPSERT = "profile_persist"
_SESSION_IS_OVER = 401


@dataclass
class Calls:
    """Calls of the sandbox's journal so far. The journal keeps the newest 20,000 calls, so it is read regularly."""

    control: Control
    upserts: Counter[str] = field(default_factory=Counter)
    """How often myMailMarket put a person on a list, by tag."""
    unsubscribes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often an address was unsubscribed, by account, address and list (where there is one)."""
    rows: list[int] = field(default_factory=list)
    """How many rows each `list_insert` had."""
    outcomes: Counter[str] = field(default_factory=Counter)
    _places: dict[tuple[str, str], set[tuple[str, str, str]]] = field(default_factory=dict)
    _read: int = 0

    def unsubscribes_of(self, account: str, person: str) -> list[tuple[tuple[str, str, str], int]]:
        """The calls that took `person` off, by list."""
        return [(place, self.unsubscribes[place]) for place in self._places.get((account, person), ())]

    def read(self) -> None:
        """Read new entries."""
        for call in self.control.calls(after=self._read):
            assert call["number"] == self._read + 1, "calls were forgotten before they were read"
            if call["outcome"] == "under way":
                return  # of a process that was killed
            self._read = call["number"]
            self.outcomes[call["outcome"]] += 1
            if call["function"] == "list_insert":
                self.rows.append(call["rows"])
            if call["worked"] and call["status"] != _SESSION_IS_OVER and isinstance(call["params"], dict):
                self._note(call["function"], call["params"])

    def _note(self, function: str, params: Mapping[str, Any]) -> None:
        """A call that did its work; what a process that was killed had sent half of did none."""
        body = params.get("body")
        if function == _UPSERT and isinstance(body, dict):
            self.upserts[str(body.get("FirstName"))] += 1
        address = params.get("email") or params.get("address")
        if function in _UNSUBSCRIBING and address:
            place = (_UNSUBSCRIBING[function], str(address).lower(), str(params.get("groupid", "")))
            self.unsubscribes[place] += 1
            self._places.setdefault(place[:2], set()).add(place)


@dataclass
class ProviderData:
    """Current data of the providers."""

    rows: Counter[str] = field(default_factory=Counter)
    """Rows in Ediware's lists, by tag."""
    members: set[tuple[str, str]] = field(default_factory=set)
    """Active rows of lists, ignoring unsubscribes: account and address."""
    unsubscribed: set[tuple[str, str]] = field(default_factory=set)
    """Unsubscribed addresses: account and address."""


def provider_data(control: Control) -> ProviderData:
    """Read it all."""
    providers = control.state()["providers"]
    found = ProviderData()
    paris = providers["ediware"]["accounts"]["paris"]
    for list_id, one in paris["lists"].items():
        for row in one["rows"]:
            found.members.add(("paris", row[one["field_email"]].lower()))
            found.rows[_tag(list_id, row)] += 1
    found.unsubscribed |= {("paris", address.lower()) for address in paris["unsubscribed"]}
    found.unsubscribed |= {
        ("lettre", row["email"].lower()) for row in providers["mailpartner"]["accounts"]["lettre"]["optouts"]
    }
    for one in providers["mymailmarket"]["accounts"]["brussel"]["lists"].values():
        for row in one["rows"]:
            place = ("brussel", row["MailAddress"].lower())
            (found.members if row["Status"] == "active" else found.unsubscribed).add(place)
    return found


def _tag(list_id: str, row: dict[str, Any]) -> str:
    return str(row.get(TAG_FIELDS.get(list_id, ""), ""))
