"""Defines events and deliveries as validated values, independent of the way by which they arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never

from .confirmation import Confirmation
from .errors import FieldError
from .reasons import NEVER_LISTED, ReasonCode


class EventType(StrEnum):
    """The event types of the contract."""

    SIGNUP = "signup"
    UNSUBSCRIBE = "unsubscribe"
    SYNC = "sync"

    @property
    def waits_for_account(self) -> bool:
        """True if deliveries of this type are deferred while their account is paused.

        A sync stores events whatever the account's state, and reports itself what it waits for.
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


QUARANTINED = "quarantined"
"""The reason of a pending delivery above a limit of its form, or with a `Doubt`. An unsubscribe waits for an operator,
at most for a day; a signup waits for an operator and after 30 days is refused, with the same reason, and erased."""
DISCARDED = "discarded"
"""The reason of a refused delivery that an operator has discarded from quarantine: it is erased."""
UNCONFIRMED = "unconfirmed"
"""The reason of a delivery that waits for its person's confirmation, or ended without it."""
# An event's own status is the first of these that one of its deliveries has.
STATUS_ORDER = (Status.PENDING, Status.PARKED, Status.REFUSED, Status.DELIVERED, Status.SUPERSEDED)


def overall(statuses: Iterable[Status]) -> Status:
    """Returns an event's own status from those of its deliveries (at least one)."""
    return min(statuses, key=STATUS_ORDER.index)


class Door(StrEnum):
    """The ways by which an event comes in. Webhook accounts get these values as `origin`."""

    FORM = "form"
    WEBHOOK = "webhook"
    QUEUE = "queue"
    LINK = "link"
    """The unsubscribe link of a mail."""
    PROVIDER = "provider"
    """Read from a provider's unsubscribe list."""
    IMPORT = "import"
    """A row of a contacts sync."""
    OPERATOR = "operator"
    """A function of operators, such as `forget`."""


class Doubt(StrEnum):
    """Why a form's signup may be a robot's."""

    TOO_FAST = "sent back at once"
    STALE = "page older than a day"
    NO_PROOF = "no proof of work"


@dataclass(frozen=True, slots=True)
class Consent:
    """Evidence of a signup's consent, stated by the sender or observed by Relais."""

    source: str | None = None
    text: str | None = None
    ip: str | None = None
    at: datetime | None = None
    wording_sha256: str | None = None
    """The SHA-256 of the wording that the person saw, in hexadecimal."""
    door: Door | None = None
    """How the signup came in: by a website form, by `POST /events`, or on a queue."""
    confirmed_at: datetime | None = None
    confirmed_ip: str | None = None
    mail_sha256: str | None = None
    page_sha256: str | None = None
    """The SHA-256 of the words of the confirmation mail and of its page, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Sync:
    """The request of a sync: contacts for a list, inline or from a configured source; or unsubscribes.

    Unsubscribe lists are read from the event's own accounts and propagated to the accounts in `propagate_to`.
    """

    kind: Literal["contacts", "unsubscribes"]
    source: str | None = None
    contacts: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    propagate_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """The queue message of an event that was refused as invalid, kept so that it can be read again."""

    id: str
    queue: str
    sent_at: datetime
    event_id: str
    """The id that the event would have; it stays free, as the refused one is stored under an id of its own."""
    body: str | None = field(default=None, repr=False)
    """The event's JSON text; None once it is erased."""
    until: datetime | None = None
    """When it expires."""


@dataclass(frozen=True, slots=True)
class Event:
    """A signup, an unsubscribe or a sync that can be stored and delivered.

    `accounts` are the accounts it has a delivery for: of a signup its own, then those that get a copy (see `is_copy`);
    of a sync of contacts exactly one. For the signup of a form, `fields` are the form's own fields and `list` is None,
    since its target is looked up when it is delivered; otherwise `fields` are provider fields. `email` is a signup's
    clean address, or an unsubscribe's address without decoration, otherwise as typed (`domain.addresses`); a sync has
    none. Times are aware, UTC, to the millisecond.
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
    """An unsubscribe that names no account: it also applies to accounts configured later."""
    forget: bool = False
    """True for the unsubscribe of a forget request."""
    may_lift_suppression: bool = True
    """True if this signup may lift a suppression (False for a plain form)."""
    consent: Consent | None = None
    sync: Sync | None = None
    refused: str | None = None
    """The reason of an event that is refused on arrival (a filled trap, an invalid event from a queue); else None."""
    refused_code: ReasonCode = ReasonCode.INVALID_MESSAGE
    """The code beside `refused`, if that is set."""
    accounts_as_sent: tuple[str, ...] | None = None
    """All accounts that an unsubscribe names, if some of them are unknown; known only when it is accepted."""
    notes: tuple[str, ...] = ()
    """What was left out of the event because it was invalid."""
    errors: tuple[FieldError, ...] = ()
    """The mistakes of an event from a queue that is refused as invalid."""
    kept: KeptMessage | None = None
    """Set if the event is refused as invalid and came from a queue."""
    doubt: Doubt | None = None
    """Set if a form's signup may be a robot's: it is quarantined, and does not count against the form's limits."""
    confirmation: Confirmation | None = None
    """Set if the signup goes to its list only once its person has confirmed it (double opt-in)."""
    door: Door | None = None
    """How it came in; None in events of versions that did not store it, and in those that follow from another event."""
    sender_account: str | None = None
    """The account of the back end that sent the event, which is not delivered back to it."""

    @property
    def awaits_confirmation(self) -> bool:
        """True for a signup that its person has not confirmed: nothing sends it to a list."""
        return self.confirmation is not None and self.confirmation.confirmed_at is None

    @property
    def lacks_its_mail(self) -> bool:
        """True for a signup whose confirmation mail is still to be sent."""
        return self.awaits_confirmation and self.confirmation is not None and self.confirmation.sent_at is None

    def is_copy(self, account: str) -> bool:
        """Returns True for the delivery of a form's signup to an account that is told of it, besides the form's own."""
        return self.type is EventType.SIGNUP and self.form is not None and account != self.accounts[0]

    @property
    def only_lifts_suppression(self) -> bool:
        """True for a signup without a list: it subscribes to nothing and only lifts a suppression at an account.

        Such signups are never received; Relais creates them on a resubscription.
        """
        return self.type is EventType.SIGNUP and self.list is None and self.form is None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of an event at one account. Times are aware, UTC; `next_attempt_at` None: as soon as possible."""

    account: str
    status: Status = Status.PENDING
    attempts: int = 0
    reason: str | None = None
    reason_code: ReasonCode | None = None
    """The stable code beside `reason`; None where there is no reason, or a sync only tells its progress."""
    unknown_outcome: bool = False
    unknown_attempts: int = 0
    """Attempts without a recorded answer since it was accepted or requeued."""
    next_attempt_at: datetime | None = None
    updated_at: datetime | None = None
    resent_at: datetime | None = None
    """When an operator last requeued or released it: the time until it is given up counts from then. A worker moves
    this forward to the end of a period in which nothing could be tried."""
    quarantined: bool = False
    """True if it was quarantined, and has not been released."""
    released: bool = False
    """True if an operator has released it."""
    reverted_unsubscribe_at: datetime | None = None
    """The time of the unsubscribe that an operator has confirmed as reverted manually at the provider."""

    @property
    def needs_attention(self) -> bool:
        """True if it ended in a way that an operator may want to see: parked, or refused, but not as trap or spam."""
        refused = self.status is Status.REFUSED and self.reason_code not in NEVER_LISTED
        return refused or self.status is Status.PARKED

    def is_due(self, now: datetime) -> bool:
        """Returns True if it may be tried at `now`; at any time if it waits for the configuration alone."""
        waits_for_configuration = self.reason_code in (ReasonCode.FORM_REMOVED, ReasonCode.ADDRESS_KEY_MISSING)
        return self.status is Status.PENDING and (waits_for_configuration or self.has_waited(now))

    def has_waited(self, now: datetime) -> bool:
        """Returns True unless the time of its next attempt is later than `now`."""
        return self.next_attempt_at is None or self.next_attempt_at <= now

    @property
    def is_postponed(self) -> bool:
        """True if an attempt has failed and the next one has a time."""
        return self.status is Status.PENDING and not self.quarantined and self.next_attempt_at is not None

    def waits_for_release(self, now: datetime) -> bool:
        """Returns True if it is still quarantined at `now`."""
        return self.quarantined and self.status is Status.PENDING and not self.is_due(now)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as stored in the ledger, with its deliveries by account."""

    event: Event
    deliveries: Mapping[str, Delivery]
