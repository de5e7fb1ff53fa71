"""Reads a CSV file of contacts by the product's own rules, and makes the sync events that bring it to a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any

from chalicelib.config.model import Settings
from chalicelib.contact_import.rows import Row, Rows, read_csv
from chalicelib.contact_import.signups import EMAIL, Signups, address_column
from chalicelib.domain.addresses import masked, signup_address
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.limits import CONTACTS_A_SYNC, CONTACTS_SYNC_KB
from chalicelib.ingestion.parse_event import INVALID, parse_event
from chalicelib.jobs.errors import SyncRefused
from chalicelib.providers import registry

PIECE = 64 * 1024
LOOKED_AT = 1000
"""Rows in which the address column is looked for, if none is called `email`."""
_SPREADSHEET = b"PK\x03\x04"
_SAMPLE = "a@example.com"


class FileRefused(Exception):
    """The file as a whole cannot be taken; the text says why and what to do."""


@dataclass(frozen=True)
class Target:
    """The account and list that a file is for."""

    account: str
    list_id: str

    def event(self, contacts: list[Mapping[str, str]]) -> dict[str, Any]:
        """Builds the sync event of these contacts; its id is that of its content, so that it is never made twice."""
        content = json.dumps([self.account, self.list_id, contacts], ensure_ascii=False, sort_keys=True)
        digest = sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return {
            "type": "sync",
            "id": f"import-{digest}",
            "kind": "contacts",
            "account": self.account,
            "list": self.list_id,
            "contacts": contacts,
        }

    def check(self, settings: Settings, now: datetime) -> None:
        """Checks account and list as the worker will. Raises FileRefused."""
        sample = self.event([{"email": _SAMPLE}])
        try:
            parse_event(sample, settings, default_id=sample["id"], default_occurred_at=now, accepted_at=now)
        except InvalidEvent as error:
            known = [name for name, each in settings.accounts.items() if registry.takes_signups(each.provider)]
            raise FileRefused(
                "\n".join(f"--{one.field} {one.message}" for one in error.field_errors)
                + f"\nAccounts that take signups: {', '.join(known) or 'none'}."
            ) from None


@dataclass(frozen=True)
class Line:
    """A line of the file: `refused` says why, `repeats` is an earlier line that says the same."""

    number: int
    contact: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    refused: str | None = None
    repeats: int | None = None

    @property
    def text(self) -> str:
        """What becomes of it, for people."""
        if self.refused is not None:
            return f"line {self.number}: refused: {self.refused}"
        if self.repeats is not None:
            return f"line {self.number}: the same as line {self.repeats}"
        return f"line {self.number}: can be taken ({self.address})"


@dataclass(frozen=True)
class Part:
    """One sync event, and the lines it was made of."""

    event: Mapping[str, Any]
    lines: tuple[int, ...]

    @property
    def id(self) -> str:
        """The event's id."""
        return str(self.event["id"])

    @property
    def body(self) -> str:
        """The event as JSON."""
        return _compact(self.event)

    @property
    def shown(self) -> str:
        """Its lines, for people."""
        first, last = self.lines[0], self.lines[-1]
        return f"line {first}" if first == last else f"lines {first} to {last}"


class ContactsFile:
    """An opened file: its columns, those that may hold the address, and its lines, read once."""

    def __init__(self, path: Path, target: Target, now: datetime) -> None:
        """Reads the first lines. Raises FileRefused."""
        try:
            rows = read_csv(_pieces(path))
            first = list(islice(rows.rows, LOOKED_AT))
        except SyncRefused as error:
            raise FileRefused(f"{path}: {error}") from None
        if not first:
            raise FileRefused(f"{path} has no contacts: there is no line after that with the names of the columns")
        self.columns = tuple(rows.columns)
        self.address_columns = _address_columns(path, rows.columns, first)
        self._rows = Rows(rows.columns, chain(first, rows.rows), rows.unit)
        sync = Event("import", EventType.SYNC, "", (target.account,), now, now, list=target.list_id)
        self._signups = [Signups(sync, self._rows, column, _digest) for column in self.address_columns]
        self._now = now

    @property
    def is_certain(self) -> bool:
        """False if the provider says at the import which column is the list's own."""
        return self.address_columns[0].casefold() == EMAIL

    def lines(self) -> Iterator[Line]:
        """Reads every line that is not blank, once."""
        seen: dict[str, int] = {}
        for row in self._rows.rows:
            signups = [each.of(row, self._now) for each in self._signups]
            taken = next((signup for signup in signups if signup.refused is None), None)
            if taken is None:
                reason = (signups[0].refused or "").removeprefix(f"{INVALID}: line {row.number}: ")
                yield Line(row.number, refused=reason)
                continue
            known = seen.setdefault(taken.id, row.number)
            yield Line(row.number, row.values, masked(taken.email), repeats=None if known == row.number else known)


def parts_of(lines: Iterator[Line], target: Target) -> Iterator[Part]:
    """Makes sync events of the lines that are taken, each within the limits of one."""
    most_bytes = CONTACTS_SYNC_KB * 1024
    empty = len(_compact(target.event([])).encode())
    contacts: list[Mapping[str, str]] = []
    numbers: list[int] = []
    size = empty
    for line in lines:
        if line.refused is not None or line.repeats is not None:
            continue
        bytes_more = len(_compact(line.contact).encode()) + 1
        if contacts and (len(contacts) == CONTACTS_A_SYNC or size + bytes_more > most_bytes):
            yield Part(target.event(contacts), tuple(numbers))
            contacts, numbers, size = [], [], empty
        contacts.append(line.contact)
        numbers.append(line.number)
        size += bytes_more
    if contacts:
        yield Part(target.event(contacts), tuple(numbers))


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(PIECE)
            if head.startswith(_SPREADSHEET):
                raise FileRefused(f"{path} is a spreadsheet: save it as a CSV file")
            while head:
                yield head
                head = file.read(PIECE)
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from None


def _address_columns(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Returns the column `email`, or without one all that hold addresses, the one with the most first."""
    counts = {
        column: sum(signup_address(row.values.get(column, "")).error is None for row in rows) for column in columns
    }
    candidates = sorted((column for column in columns if counts[column]), key=lambda each: -counts[each])

    def own_column() -> str:
        if not candidates:
            raise FileRefused(
                f"{path} has no address column: call it email. Its columns are {', '.join(columns)}, and none of them "
                "holds an e-mail address."
            )
        return candidates[0]

    found = address_column(columns, own_column)
    return [found] if found.casefold() == EMAIL else candidates


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
