"""Applies the order rules for one address at one account.

The *subscription state* of an address at an account is the time of the last unsubscribe, the time of the last delivered
signup, and the lease of the event that is being delivered. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from .consent import ConsentEvidence, first_and_latest
from .events import EventType, Status

SUPPRESSED = "suppressed"
"""The reason of a signup that is refused because the person is unsubscribed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one attempt at an event to call the provider about an address, until `until` at the latest."""

    event: str
    type: EventType
    at: int
    until: int
    token: str
    """Identifies the attempt: the same event in another worker has another token."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Further signups that are sent in the same row: their times, by event."""
    consents: Mapping[str, ConsentEvidence] = field(default_factory=dict)
    """The first and the latest evidence of its signups, by event; it counts for those that were delivered."""

    @property
    def events(self) -> dict[str, int]:
        """The times of all its events, by event."""
        return {self.event: self.at, **self.others}


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """The subscription state of one address at one account."""

    unsubscribed_at: int | None = None
    signed_up_at: int | None = None
    lease: Lease | None = None
    unsubscribed_by: str | None = None
    """The event of the latest unsubscribe."""
    provider_id: str | None = None
    """The provider's id of this address's row in the account's unsubscribe list, if it has one."""
    forgotten_at: int | None = None
    """When the person asked to be forgotten; stored events of the address are erased once they are final."""
    first_consent: ConsentEvidence | None = None
    latest_consent: ConsentEvidence | None = None
    """Evidence of delivered signups; that of the one which still has its lease is in the lease."""

    @property
    def has_evidence(self) -> bool:
        """True if there is evidence of consent, also of a signup that has the lease."""
        return self.first_consent is not None or (self.lease is not None and bool(self.lease.consents))

    @property
    def is_suppressed(self) -> bool:
        """True if the person unsubscribed and has not resubscribed since."""
        if self.unsubscribed_at is None:
            return False
        return self.signed_up_at is None or self.signed_up_at <= self.unsubscribed_at


class Decision(Enum):
    """The decision of the order rules on an event."""

    GO = auto()
    LIFT_SUPPRESSION = auto()
    """Deliver it after lifting the suppression."""
    SUPERSEDED = auto()
    SUPPRESSED = auto()


class LeaseState(Enum):
    """The state of an existing lease."""

    BUSY = auto()
    """Its worker may be calling the provider at this moment."""
    DONE = auto()
    """Its delivery is final, or there is no lease: the address is free."""
    LOST = auto()
    """It has expired and no outcome was recorded: the outcome is unknown."""


def latest(*times: int | None) -> int | None:
    """Returns the latest of the known times; None if none is known."""
    return max((time for time in times if time is not None), default=None)


def merge(*states: SubscriptionState) -> SubscriptionState:
    """Merges states under several address keys, or of one account and of all. The lease is that of the first state."""
    if len(states) == 1:  # nearly always: one address key, and nothing for all accounts
        return states[0]
    times = [(one.unsubscribed_at, -index) for index, one in enumerate(states) if one.unsubscribed_at is not None]
    unsubscribed = states[-max(times)[1]] if times else SubscriptionState()
    first, latest_consent = first_and_latest(
        evidence for state in states for evidence in (state.first_consent, state.latest_consent)
    )
    return SubscriptionState(
        unsubscribed_at=unsubscribed.unsubscribed_at,
        signed_up_at=latest(*(state.signed_up_at for state in states)),
        lease=states[0].lease if states else None,
        unsubscribed_by=unsubscribed.unsubscribed_by,
        provider_id=next((state.provider_id for state in states if state.provider_id is not None), None),
        forgotten_at=latest(*(state.forgotten_at for state in states)),
        first_consent=first,
        latest_consent=latest_consent,
    )


def decide_signup(
    at: int,
    state: SubscriptionState,
    *,
    may_lift_suppression: bool,
    provider_lifts_suppression: bool,
    reverted_at: int | None = None,
) -> Decision:
    """Decides whether a signup of time `at` is delivered. Ties go to the unsubscribe.

    `reverted_at` is the time of the unsubscribe that an operator has confirmed as reverted manually, for providers that
    cannot lift a suppression. A later unsubscribe still counts.
    """
    unsubscribed_at = state.unsubscribed_at
    if unsubscribed_at is None:
        return Decision.GO
    if unsubscribed_at >= at:
        return Decision.SUPERSEDED
    if not state.is_suppressed:
        return Decision.GO  # an earlier signup has already resubscribed the person
    if not provider_lifts_suppression:
        return Decision.GO if reverted_at is not None and unsubscribed_at <= reverted_at else Decision.SUPPRESSED
    return Decision.LIFT_SUPPRESSION if may_lift_suppression else Decision.SUPPRESSED


def decide_unsubscribe(at: int, state: SubscriptionState) -> Decision:
    """Decides whether an unsubscribe of time `at` is propagated. Only a later, delivered signup supersedes it."""
    return Decision.SUPERSEDED if state.signed_up_at is not None and state.signed_up_at > at else Decision.GO


def lease_state(lease: Lease, pending: bool, now: int) -> LeaseState:
    """Returns the state of `lease`; `pending`: the delivery of one of its events is."""
    if not pending:
        return LeaseState.DONE
    return LeaseState.BUSY if lease.until > now else LeaseState.LOST


def settled(state: SubscriptionState, status_of: Callable[[str], Status | None]) -> SubscriptionState:
    """Returns `state` without its lease, whose delivered signups are recorded; `status_of` returns how an event ended.

    A refused, superseded or parked delivery releases its lease before it ends, so a lease whose event is deleted (None)
    belongs to a delivered event. Evidence of an event that the lease does not name any more is of a delivered one, too.
    """
    lease = state.lease
    if lease is None:
        return state
    delivered = {
        event_id: at
        for event_id, at in lease.events.items()
        if lease.type is EventType.SIGNUP and status_of(event_id) in (Status.DELIVERED, None)
    }
    undelivered = lease.events.keys() - delivered.keys()
    proven = (evidence for event_id, evidence in lease.consents.items() if event_id not in undelivered)
    first, latest_consent = first_and_latest((state.first_consent, state.latest_consent, *proven))
    return replace(
        state,
        lease=None,
        signed_up_at=latest(state.signed_up_at, *delivered.values()),
        first_consent=first,
        latest_consent=latest_consent,
    )


def all_settled(states: Iterable[SubscriptionState], status_of: Callable[[str], Status | None]) -> SubscriptionState:
    """Merges an account's states under several keys without their leases."""
    return merge(*(settled(state, status_of) for state in states))
