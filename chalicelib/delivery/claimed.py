"""Defines a claimed delivery and the lease that the deliveries of one row share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from ..domain.addresses import normalise
from ..domain.events import Delivery, Event
from ..domain.ordering import Decision, SubscriptionState
from ..ledger.subscriptions import DeliveryAttempt, LeaseResult, SubscriptionStore
from .batching import Task

Taken = tuple[DeliveryAttempt, LeaseResult]
"""An attempt to take a lease, and its result."""


class RowLease:
    """The leases on the address of one row, one for each reading; released when the last of its events has ended.

    Thread-safe. A lease whose events were all delivered stays: the next worker sees that they are final.
    """

    def __init__(self, store: SubscriptionStore, taken: Sequence[Taken], tasks: Sequence[Task]) -> None:
        self.attempts = tuple(attempt for attempt, _ in taken)
        self._store = store
        self._going = {task.event.id for task in tasks}
        self._held = any(result.decision in (Decision.GO, Decision.LIFT_SUPPRESSION) for _, result in taken)
        self._delivered: list[Event] = []
        self._lock = Lock()

    def end(self, event: Event, *, delivered: bool = False) -> None:
        """Records that an event has ended, or is not tried now. Raises LedgerUnavailable; may be repeated."""
        with self._lock:
            self._going.discard(event.id)
            if delivered:
                self._delivered.append(event)
            if self._going or not self._held:
                return
            for attempt in self.attempts:
                if not self._delivered:
                    self._store.release(attempt)
                elif attempt.others:
                    self._store.settle_row(attempt, self._delivered)
            self._held = False


@dataclass(slots=True)
class ClaimedDelivery:
    """A delivery whose address is leased; `delivery` is the state to write."""

    task: Task
    lease: RowLease
    """Shared by all deliveries of the row."""
    delivery: Delivery
    state: SubscriptionState = field(default_factory=SubscriptionState)
    """The subscription state of the address when it was claimed."""
    suppressed: bool = False
    called: bool = False
    """It was part of a provider call since it was claimed."""
    lifts_suppression: bool = False
    """The person unsubscribed before; the provider must lift the suppression first."""
    resubscribes: bool = False
    """The person was unsubscribed, and this signup resubscribes them."""
    calls: int = 1
    """How many provider calls it takes: for an unsubscribe one for each spelling of the address."""
    provider_id: str | None = None
    """The provider's id of the person's row in its unsubscribe list, if known; for a signup."""
    rows: list[tuple[DeliveryAttempt, str | None]] = field(default_factory=list)
    """The rows that an unsubscribe created in that list; None if it created several for one reading."""

    @property
    def attempts(self) -> tuple[DeliveryAttempt, ...]:
        """One for each reading of the address: two only for an unsubscribe from an address with white space."""
        return self.lease.attempts

    def tried(self, *, unknown: bool = False, unanswered: bool = False) -> None:
        """Records a provider call; `unknown`: its effect on the row is unknown; `unanswered`: no answer came at all."""
        self.called = True
        self.delivery = replace(
            self.delivery,
            attempts=self.delivery.attempts + 1,
            unknown_outcome=self.delivery.unknown_outcome or unknown,
            unknown_attempts=self.delivery.unknown_attempts + unanswered,
        )


ClaimedRow = tuple[ClaimedDelivery, ...]
"""Deliveries that go as one row of a provider call, the earliest first; more than one only for signups."""


def flat(rows: Iterable[ClaimedRow]) -> list[ClaimedDelivery]:
    """Returns the deliveries of all rows."""
    return [claimed for row in rows for claimed in row]


def forms_of(rows: Iterable[ClaimedRow]) -> set[str | None]:
    """Returns the forms of the events in these rows; None is among them if an event has no form."""
    return {claimed.task.event.form for row in rows for claimed in row}


def person_of(row: ClaimedRow) -> str:
    """Returns whose row it is: the normal form of its address."""
    return normalise(row[0].task.event.email)


def halves_of(row: ClaimedRow) -> tuple[ClaimedRow, ClaimedRow] | None:
    """Halves a refused row, so that no signup is refused for another's field; None if all have the same fields."""
    first, *others = (claimed.task.event for claimed in row)
    if all((other.fields, other.form) == (first.fields, first.form) for other in others):
        return None
    middle = (len(row) + 1) // 2
    return row[:middle], row[middle:]
