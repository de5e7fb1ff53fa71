"""Converts rows to signups: finds the address column and makes each row's event."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..domain.addresses import signup_address
from ..domain.errors import without_addresses
from ..domain.events import Door, Event, EventType
from ..domain.reasons import ReasonCode
from ..domain.texts import safe_name, size_errors
from ..ingestion.parse_event import INVALID
from ..jobs.errors import SyncRefused
from .rows import Row, Rows

EMAIL = "email"


def inline_rows(contacts: Sequence[Mapping[str, str]]) -> Rows:
    """Returns the inline contacts of a sync as rows, numbered from 1."""
    columns = list(dict.fromkeys(name for contact in contacts for name in contact))
    filled = ({name: value for name, value in one.items() if value and not value.isspace()} for one in contacts)
    return Rows(columns, (Row(number, values) for number, values in enumerate(filled, 1)), "contact")


def address_column(columns: Sequence[str], own_column: Callable[[], str]) -> str:
    """Returns the address column: `email`, else the list's own, which `own_column` reads from the provider.

    Case matters only where two columns differ in nothing else.

    Raises:
        SyncRefused: Neither exists.
    """
    found = _find(columns, EMAIL)
    if found is not None:
        return found
    own = own_column()
    found = _find(columns, own)
    if found is None:
        either = f" and none {safe_name(own)}: call the column of the addresses by one of the two"
        raise SyncRefused(f"there is no column {EMAIL}{'' if own == EMAIL else either}")
    return found


def list_columns(columns: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """Maps each column that equals one of the list's `known` columns, apart from case and white space, to that one.

    A column is left as it is if the file has the list's own spelling, too.
    """
    spellings = {_plain(name): name for name in known}
    found = {column: spellings[_plain(column)] for column in columns if _plain(column) in spellings}
    return {column: name for column, name in found.items() if column == name or name not in columns}


def unproven_columns(columns: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Returns the columns that the list may lack: not known, and not written as most lists do (`code_postal`)."""
    return [column for column in columns if column not in known and re.fullmatch(r"[a-z_]+", column) is None]


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _find(columns: Sequence[str], name: str) -> str | None:
    alike = [column for column in columns if column.casefold() == name.casefold()]
    return name if name in alike else next(iter(alike), None)


@dataclass(frozen=True, slots=True)
class Signups:
    """Makes the signups of one sync. `digest` is keyed, so that an id reveals nothing of an address."""

    sync: Event
    rows: Rows
    column: str
    digest: Callable[[bytes], str]
    names: Mapping[str, str] = field(default_factory=dict)
    """Column -> the list's own spelling of it, where they differ."""

    def of(self, row: Row, now: datetime) -> Event:
        """Returns the event of a row; for an invalid row, a refused event without an address.

        The id is derived from the row's content, so that a repeated or resumed sync makes the same events, also when
        rows were added above, and duplicate rows are one event. It never lifts a suppression.
        """
        fields = dict(row.values)
        email, email_error = signup_address(fields.pop(self.column, ""))
        fields = {self.names.get(name, name): value for name, value in fields.items()}
        error = row.error or self._error(email_error, fields)
        if error is None:
            return replace(self._event([email, fields], now), email=email, fields=fields)
        refused = without_addresses(f"{INVALID}: {self.rows.unit} {row.number}: {error}")
        return replace(self._event([row.number, error], now), refused=refused, refused_code=ReasonCode.INVALID_ROW)

    def _error(self, email_error: str | None, fields: Mapping[str, str]) -> str | None:
        if email_error is not None:
            return f"{safe_name(self.column)} {email_error}"
        return next((f"{one.field} {one.message}" for one in size_errors(fields)), None)

    def _event(self, content: object, now: datetime) -> Event:
        text = json.dumps([self.sync.id, self.rows.unit, content], sort_keys=True)
        return Event(
            id=f"row-{self.digest(text.encode())}",
            type=EventType.SIGNUP,
            email="",
            accounts=self.sync.accounts,
            occurred_at=self.sync.occurred_at,
            accepted_at=now,
            occurred_at_stated=False,  # the id identifies the sync
            list=self.sync.list,
            may_lift_suppression=False,
            door=Door.IMPORT,
        )
