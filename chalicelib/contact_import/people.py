"""From rows to signups: which column is the address, and what a row becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..domain.errors import without_addresses
from ..domain.events import Event, EventType
from ..domain.texts import safe_name, size_mistakes
from ..domain.validation import signup_mistake, trimmed
from ..ingestion.parse_event import INVALID
from ..jobs.errors import SyncRefused
from .rows import Row, Rows

EMAIL = "email"


def inline_rows(contacts: Sequence[Mapping[str, str]]) -> Rows:
    """The contacts that came with a sync, numbered from 1."""
    columns = list(dict.fromkeys(name for contact in contacts for name in contact))
    rows = (Row(number, _filled(contact)) for number, contact in enumerate(contacts, 1))
    return Rows(columns, rows, "contact")


def _filled(contact: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in contact.items() if value and not value.isspace()}


def address_column(columns: Sequence[str], ask_list: Callable[[], str]) -> str:
    """The column of the address: `email`, else the list's own, which `ask_list` asks the provider for.

    Capitals count only where there are two that differ in nothing else.

    Raises:
        SyncRefused: There is neither.
    """
    found = _find(columns, EMAIL)
    if found is not None:
        return found
    own = ask_list()
    found = _find(columns, own)
    if found is None:
        raise SyncRefused(f"there is no column {EMAIL}" + ("" if own == EMAIL else f" and none {safe_name(own)}"))
    return found


def _find(columns: Sequence[str], name: str) -> str | None:
    alike = [column for column in columns if column.casefold() == name.casefold()]
    return name if name in alike else next(iter(alike), None)


@dataclass(frozen=True, slots=True)
class Signups:
    """Makes the signups of one sync. `digest` is keyed, so that an id gives away nothing of an address."""

    sync: Event
    rows: Rows
    column: str
    digest: Callable[[bytes], str]

    def of(self, row: Row, now: datetime) -> Event:
        """The event of a row; one that stands refused and holds no address if the row is wrong.

        Its id comes from what the row says, so that a repeated or resumed sync makes the same events, also when rows
        were added above, and the same row twice is one event. It never brings back somebody who left.
        """
        fields = dict(row.values)
        email = trimmed(fields.pop(self.column, ""))
        mistake = row.mistake or self._mistake(email, fields)
        if mistake is None:
            return replace(self._event([email, fields], now), email=email, fields=fields)
        refused = without_addresses(f"{INVALID}: {self.rows.unit} {row.number}: {mistake}")
        return replace(self._event([row.number, mistake], now), refused=refused)

    def _mistake(self, email: str, fields: Mapping[str, str]) -> str | None:
        wrong = signup_mistake(email)
        if wrong is not None:
            return f"{safe_name(self.column)} {wrong}"
        return next((f"{one.field} {one.message}" for one in size_mistakes(fields)), None)

    def _event(self, says: object, now: datetime) -> Event:
        text = json.dumps([self.sync.id, self.rows.unit, says], sort_keys=True)
        return Event(
            id=f"row-{self.digest(text.encode())}",
            type=EventType.SIGNUP,
            email="",
            accounts=self.sync.accounts,
            occurred_at=self.sync.occurred_at,
            accepted_at=now,
            occurred_at_stated=False,  # the id says of which sync it is
            list=self.sync.list,
            may_lift=False,
        )
