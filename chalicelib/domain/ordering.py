"""Whose word counts: the rules of order for one address at one account.

A *word* is what the ledger knows of an address at an account: when the person last left, when a signup that counts was
last delivered, and which event has the address in hand. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from .events import EventType, Status

SUPPRESSED = "suppressed"
"""The reason under which a signup stands refused because the person had left."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An event that took the address for a provider call, until `until` at the latest."""

    event: str
    type: EventType
    at: int
    until: int
    token: str
    """Names the one attempt that holds: the same event in another worker has another token."""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """What is known of one address at one account."""

    unsubscribed_at: int | None = None
    signed_up_at: int | None = None
    lease: Lease | None = None
    unsubscribed_by: str | None = None
    """The event that brought the latest unsubscribe."""
    provider_id: str | None = None
    """What the account's provider calls the row of this address among those who left, where it has a name for it."""
    forgotten_at: int | None = None
    """When the person asked to be forgotten; what is held about the address is erased once it is final."""

    @property
    def is_suppressed(self) -> bool:
        """Did the person leave, and not come back since?"""
        if self.unsubscribed_at is None:
            return False
        return self.signed_up_at is None or self.signed_up_at <= self.unsubscribed_at


class Decision(Enum):
    """What the order rules say of an event."""

    GO = auto()
    LIFT = auto()
    """Go, and take the suppression back first."""
    SUPERSEDED = auto()
    SUPPRESSED = auto()


class LeaseState(Enum):
    """What has become of a hold that stands in the way."""

    BUSY = auto()
    """It may be calling the provider at this moment."""
    DONE = auto()
    """It is final, or was never there: nothing stands in the way."""
    LOST = auto()
    """Its time is over and nobody recorded what came of it: the outcome is unknown."""


def latest(*times: int | None) -> int | None:
    """The latest of those times that are known."""
    return max((time for time in times if time is not None), default=None)


def merge(*words: SubscriptionState) -> SubscriptionState:
    """One word from those under several address keys, or of one account and of all. The first one's hold is kept."""
    told = [(word.unsubscribed_at, -place) for place, word in enumerate(words) if word.unsubscribed_at is not None]
    left = words[-max(told)[1]] if told else SubscriptionState()
    return SubscriptionState(
        unsubscribed_at=left.unsubscribed_at,
        signed_up_at=latest(*(word.signed_up_at for word in words)),
        lease=words[0].lease if words else None,
        unsubscribed_by=left.unsubscribed_by,
        provider_id=next((word.provider_id for word in words if word.provider_id is not None), None),
        forgotten_at=latest(*(word.forgotten_at for word in words)),
    )


def decide_signup(
    at: int, word: SubscriptionState, *, may_lift: bool, provider_lifts: bool, taken_back: int | None = None
) -> Decision:
    """May a signup of time `at` be delivered? Ties go to the unsubscribe.

    `taken_back` is the time of the unsubscribe that an operator says was taken back by hand, where the provider offers
    no other way. A later one still counts.
    """
    left = word.unsubscribed_at
    if left is None:
        return Decision.GO
    if left >= at:
        return Decision.SUPERSEDED
    if not word.is_suppressed:
        return Decision.GO  # an earlier signup has already brought the person back
    if not provider_lifts:
        return Decision.GO if taken_back is not None and left <= taken_back else Decision.SUPPRESSED
    return Decision.LIFT if may_lift else Decision.SUPPRESSED


def decide_unsubscribe(at: int, word: SubscriptionState) -> Decision:
    """Must an unsubscribe of time `at` be told? Only a later signup that was already delivered stands against it."""
    return Decision.SUPERSEDED if word.signed_up_at is not None and word.signed_up_at > at else Decision.GO


def lease_state(lease: Lease, status: Status | None, now: int) -> LeaseState:
    """What stands behind `hold`, given its delivery's status (None: the event is gone, so it was final long ago)."""
    if status is not Status.PENDING:
        return LeaseState.DONE
    return LeaseState.BUSY if lease.until > now else LeaseState.LOST


def settled(word: SubscriptionState, status: Status | None) -> SubscriptionState:
    """`word` without its hold, whose delivery has ended as `status`; a delivered signup is noted.

    A refused, superseded or parked delivery gives its hold back before it ends, so a hold whose event is gone (None)
    was delivered.
    """
    lease = word.lease
    if lease is None:
        return word
    counts = lease.type is EventType.SIGNUP and status in (Status.DELIVERED, None)
    return replace(word, lease=None, signed_up_at=latest(word.signed_up_at, lease.at if counts else None))


def all_settled(words: Iterable[SubscriptionState], status_of: Callable[[str], Status | None]) -> SubscriptionState:
    """One word from those of an account under several keys, each without its hold; `status_of` tells how that ended."""
    return merge(*(settled(word, status_of(word.lease.event)) if word.lease else word for word in words))
