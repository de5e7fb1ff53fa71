"""Events as values: what somebody told Relais, checked and normalised, whichever door it came through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never


class EventType(StrEnum):
    """The verbs of the contract."""

    SIGNUP = "signup"
    UNSUBSCRIBE = "unsubscribe"
    SYNC = "sync"

    @property
    def waits_for_account(self) -> bool:
        """Are deliveries of this type put off while their account is paused?

        A sync stores events whatever the account's state, and says itself what it waits for.
        """
        match self:
            case EventType.SIGNUP | EventType.UNSUBSCRIBE:
                return True
            case EventType.SYNC:
                return False
            case _:
                assert_never(self)


class Status(StrEnum):
    """The states of a delivery. All but `PENDING` are final."""

    PENDING = "pending"
    PARKED = "parked"
    REFUSED = "refused"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"


# An event's own status is the first of these that one of its deliveries has.
STATUS_ORDER = (Status.PENDING, Status.PARKED, Status.REFUSED, Status.DELIVERED, Status.SUPERSEDED)


def overall(statuses: Iterable[Status]) -> Status:
    """An event's own status from those of its deliveries (at least one)."""
    return min(statuses, key=STATUS_ORDER.index)


@dataclass(frozen=True, slots=True)
class Consent:
    """Evidence of a signup's consent: what the sender may state, and what only Relais can."""

    source: str | None = None
    text: str | None = None
    ip: str | None = None
    at: datetime | None = None
    wording_sha256: str | None = None
    """The SHA-256 of the words that the person saw, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Sync:
    """What a sync asks for: contacts for a list, given with it or read from a configured source; or who left.

    The lists of those who left are read at the event's own accounts and told to those of `tell`.
    """

    kind: Literal["contacts", "unsubscribes"]
    source: str | None = None
    contacts: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    tell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Nobody is told of an event before `until` (aware, UTC), unless an operator releases it earlier."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """A signup, an unsubscribe or a sync that can be held and delivered.

    `accounts` are the accounts it has a delivery for (exactly one for a signup or a sync of contacts). `fields` are
    provider fields. `email` is trimmed and otherwise as the person typed it; a sync has none. Times are aware, UTC, to
    the millisecond.
    """

    id: str
    type: EventType
    email: str
    accounts: tuple[str, ...]
    occurred_at: datetime
    accepted_at: datetime
    occurred_at_stated: bool = True
    list: str | None = None
    form: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    scope: Literal["account", "global"] = "account"
    all_accounts: bool = False
    """An unsubscribe that names no account: it holds for accounts added later, too."""
    forget: bool = False
    """An unsubscribe of somebody who asked to be forgotten."""
    may_lift: bool = True
    """May this signup bring back somebody who left? (False at a plain form's door.)"""
    consent: Consent | None = None
    sync: Sync | None = None
    refused: str | None = None
    """Set when the event stands refused from the start (a filled trap, an invalid event from a queue): the reason."""
    held_back: HeldBack | None = None
    """Set when the event is accepted and not to be delivered yet; kept with its deliveries, not with the event."""

    @property
    def lifts_only(self) -> bool:
        """A signup without a list adds nobody to anything: it takes back that somebody left an account without lists.

        None comes from outside; Relais makes them when somebody comes back.
        """
        return self.type is EventType.SIGNUP and self.list is None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far an event has come at one account. Times are aware, UTC; `next_attempt_at` None: as soon as may be."""

    account: str
    status: Status = Status.PENDING
    attempts: int = 0
    reason: str | None = None
    unknown_outcome: bool = False
    next_attempt_at: datetime | None = None
    updated_at: datetime | None = None
    resent_at: datetime | None = None
    """When an operator last sent it again after it was final: its patience counts from then."""
    held_back: bool = False
    """It was held back when it was accepted, and nobody has released it."""
    taken_back: datetime | None = None
    """The time of the unsubscribe of which an operator says that it was taken back at the vendor by hand."""

    def is_due(self, now: datetime) -> bool:
        """May it be tried at `now`?"""
        return self.status is Status.PENDING and (self.next_attempt_at is None or self.next_attempt_at <= now)

    def waits_for_release(self, now: datetime) -> bool:
        """Is it held back at `now`, before its time has come?"""
        return self.held_back and self.status is Status.PENDING and not self.is_due(now)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the ledger holds it, with its deliveries by account."""

    event: Event
    deliveries: Mapping[str, Delivery]
