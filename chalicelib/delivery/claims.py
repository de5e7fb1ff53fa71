"""Claims deliveries for a worker by leases on their addresses, writes their results and releases them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from ..domain.addresses import Reading, readings
from ..domain.erasure import loses_its_data
from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status
from ..domain.ordering import SUPPRESSED, Decision, SubscriptionState
from ..domain.times import epoch_milliseconds
from ..ledger.subscriptions import DeliveryAttempt, LeaseResult
from ..ledger.table import Key
from ..observability import event_log, logger, metrics
from ..providers.spec import Capabilities
from ..services import Services
from .batching import Task
from .deadline import Deadline
from .resubscription import follow_resubscription

T = TypeVar("T")
U = TypeVar("U")

_Taken = tuple[DeliveryAttempt, LeaseResult]
PARKED_AT_ONCE = 200
WRITE_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to write what a provider has already done: losing it would repeat the delivery."""


@dataclass(slots=True)
class ClaimedDelivery:
    """A delivery whose address is leased by `attempts`; `delivery` is the state to write."""

    task: Task
    attempts: tuple[DeliveryAttempt, ...]
    """One for each reading of the address: two only for an unsubscribe from an address with white space."""
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
    provider_id: str | None = None
    """The provider's id of the person's row in its unsubscribe list, if known; for a signup."""
    rows: list[tuple[DeliveryAttempt, str | None]] = field(default_factory=list)
    """The rows that an unsubscribe created in that list; None if it created several for one reading."""

    @property
    def calls(self) -> int:
        """How many provider calls it takes: for an unsubscribe one for each spelling of the address."""
        return sum(len(attempt.reading.spellings) for attempt in self.attempts)

    def tried(self, *, unknown: bool = False, unanswered: bool = False) -> None:
        """Record a provider call; `unknown`: its effect on the row is unknown; `unanswered`: no answer came at all."""
        self.called = True
        self.delivery = replace(
            self.delivery,
            attempts=self.delivery.attempts + 1,
            unknown_outcome=self.delivery.unknown_outcome or unknown,
            unknown_attempts=self.delivery.unknown_attempts + unanswered,
        )


class Claims:
    """Claims deliveries and writes their results. `capabilities_of` gives the capabilities of an account's provider."""

    def __init__(self, services: Services, capabilities_of: Callable[[str], Capabilities | None]) -> None:
        self._services = services
        self._capabilities_of = capabilities_of

    def claim(
        self, tasks: Sequence[Task], deadline: Deadline, *, provider_lifts_suppression: bool
    ) -> tuple[list[ClaimedDelivery], list[tuple[Task, int]]]:
        """Claim `tasks` of one account; return those to send now, and those with a busy address and its lease end (ms).

        Tasks that the order rules end (superseded, suppressed) are written as final. Tasks that another worker has
        ended or postponed since they were loaded are skipped; tasks on which the ledger fails stay pending for sweep.
        """
        if not tasks:
            return [], []
        wanted = {task.event.id: _readings(task.event) for task in tasks}
        emails = [reading.clean for one in wanted.values() for reading in one]
        known = self._services.subscriptions.read(emails, tasks[0].account)

        def take_leases(task: Task) -> list[_Taken]:
            attempts = [
                DeliveryAttempt(
                    task.event,
                    task.account,
                    deadline.lease_until,
                    self._services.effects.token(),
                    reading,
                    provider_lifts_suppression,
                    task.delivery.reverted_unsubscribe_at,
                )
                for reading in wanted[task.event.id]
            ]
            return self._take_leases(attempts, known)

        # without those that have a malformed state
        tasks = [task for task in tasks if all(reading.clean in known for reading in wanted[task.event.id])]
        busy: list[tuple[Task, int]] = []
        leased: list[tuple[ClaimedDelivery, Decision]] = []
        for task, taken in zip(tasks, self._each(take_leases, tasks), strict=True):
            if taken is None:
                continue
            decision = taken[0][1].decision
            if decision is None:
                busy.append((task, taken[0][1].busy_until or 0))
            else:
                leased.append((_claimed(task, taken), decision))
        return self._still_due(leased) if leased else [], busy

    def _take_leases(
        self, attempts: Sequence[DeliveryAttempt], known: Mapping[str, Mapping[Key, SubscriptionState]]
    ) -> list[_Taken]:
        """Take the leases of all readings of one address, one after the other; if one is busy, none.

        Of two readings, one that is superseded is left out, unless both are.
        """
        events, subscriptions, account = self._services.events, self._services.subscriptions, attempts[0].account
        taken: list[_Taken] = []
        for attempt in attempts:
            result = subscriptions.take_lease(
                attempt,
                known[attempt.reading.clean],
                lambda event_id: events.status(event_id, account),
                lambda lease: events.mark_unknown(lease.event, account, lease.token),
                self._services.effects.clock(),
            )
            if result.decision is None:
                for earlier, _ in taken:
                    subscriptions.release(earlier)
                return [(attempt, result)]
            taken.append((attempt, result))
        return [one for one in taken if one[1].decision is not Decision.SUPERSEDED] or taken

    def _still_due(self, leased: Sequence[tuple[ClaimedDelivery, Decision]]) -> list[ClaimedDelivery]:
        """Read claimed deliveries again, because another worker may have made them just before the lease was taken.

        No other worker can deliver them from here on, so what is read now stays true.
        """
        current = self._current_deliveries([claimed for claimed, _ in leased])
        due: list[ClaimedDelivery] = []
        spent: list[ClaimedDelivery] = []
        ended: list[ClaimedDelivery] = []
        skipped: list[ClaimedDelivery] = []
        for claimed, decision in leased:
            delivery = current.get(claimed.task.event.id)
            if delivery is None or delivery.status is not Status.PENDING:
                skipped.append(claimed)
                continue
            claimed.delivery = delivery
            if _ends(claimed, decision):
                ended.append(claimed)
            elif self._attempts_are_spent(claimed, "no outcome was recorded"):
                spent.append(claimed)
            else:
                (due if delivery.is_due(self._services.effects.clock()) else skipped).append(claimed)
        if skipped:
            self.release(skipped)
        if ended:
            self.finish(ended)
        if spent:
            self._release_and_finish(spent)
        return due

    def _attempts_are_spent(self, claimed: ClaimedDelivery, why: str) -> bool:
        """Set a signup to parked after `unknown_attempts`, where one more may add a row; return whether it is parked.

        An unsubscribe is never parked so, nor a signup that only lifts a suppression: repeating them is harmless.
        """
        event, attempts = claimed.task.event, claimed.delivery.unknown_attempts
        if event.type is not EventType.SIGNUP or attempts < self._services.settings.delivery.unknown_attempts:
            return False
        capabilities = self._capabilities_of(claimed.task.account)
        if event.only_lifts_suppression or capabilities is None or not capabilities.may_double_rows:
            return False
        count = f"{attempts} attempt{'s' if attempts > 1 else ''}"
        reason = f"outcome unknown after {count}, and one more may add a second row: {why}"
        claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason)
        return True

    def _current_deliveries(self, claims: Sequence[ClaimedDelivery]) -> dict[str, Delivery]:
        try:
            return self._services.events.deliveries((claimed.task.event for claimed in claims), claims[0].task.account)
        except LedgerUnavailable as error:
            logger.warning("delivery deferred: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return {}

    def delivered(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Write claims as delivered. The leases stay: the next worker sees that their deliveries are final."""
        for claimed in claims:
            claimed.delivery = replace(claimed.delivery, status=Status.DELIVERED, reason=None)
        # Without the provider's row id, lifting the suppression later must read the whole list.
        rows = [row for claimed in claims for row in claimed.rows]
        self._each(lambda row: self._services.subscriptions.record_row(*row), rows)
        self.finish(claims)

    def refuse(self, claims: Sequence[tuple[ClaimedDelivery, str]]) -> None:
        """Write claims as refused for good, each with the provider's message, and release them."""
        for claimed, message in claims:
            claimed.delivery = replace(claimed.delivery, status=Status.REFUSED, reason=message)
        self._release_and_finish([claimed for claimed, _ in claims])

    def schedule_retry(
        self, claims: Sequence[ClaimedDelivery], reason: str, until: datetime, give_up: timedelta
    ) -> None:
        """Release claims after a failure of the account or list: due again at `until`, or parked (overdue, spent)."""
        now = self._services.effects.clock()
        overdue = [claimed for claimed in claims if is_overdue(claimed.task, now, give_up)]
        for claimed in overdue:
            claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason)
        pending = [claimed for claimed in claims if claimed.delivery.status is Status.PENDING]
        spent = [claimed for claimed in pending if self._attempts_are_spent(claimed, reason)]
        self._release_and_finish([*overdue, *spent])
        waiting = [claimed for claimed in claims if claimed.delivery.status is Status.PENDING]
        for claimed in waiting:
            claimed.delivery = replace(claimed.delivery, reason=reason, next_attempt_at=until)

        def postpone(claimed: ClaimedDelivery) -> None:
            self._services.events.postpone(claimed.task.event, claimed.delivery, until, now)
            self._release_leases(claimed)

        self._each(postpone, waiting)
        if waiting:
            event_log.retry_scheduled(
                waiting[0].task.account, (claimed.task.event.id for claimed in waiting), reason, until
            )

    def release(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Release claims that are not sent now. Calls already made are recorded; their deliveries are due at once."""

        def release(claimed: ClaimedDelivery) -> None:
            if claimed.called:
                self._record_calls(claimed)
            self._release_leases(claimed)

        self._each(release, claims)

    def _release_leases(self, claimed: ClaimedDelivery) -> None:
        for attempt in claimed.attempts:
            self._services.subscriptions.release(attempt)

    def defer(self, tasks: Iterable[tuple[Task, datetime]]) -> None:
        """Make tasks that were not tried due at the given time."""
        self._each(lambda pair: self._services.events.defer(pair[0].event, pair[0].delivery, pair[1]), tasks)

    def park(self, tasks: Sequence[Task], reason: str, deadline: Deadline) -> None:
        """Park tasks of one account until an operator resends them. Those left at `deadline` are enqueued again.

        Tasks are claimed first, as for a call: another worker may be delivering one now, or have died and left its
        outcome unknown; and an unsubscribe must enter the subscription state even if it cannot be propagated.
        """
        for start in range(0, len(tasks), PARKED_AT_ONCE):
            if deadline.seconds_left <= 0:
                return
            claims, _ = self.claim(tasks[start : start + PARKED_AT_ONCE], deadline, provider_lifts_suppression=True)
            for claimed in claims:
                claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason)
            self._release_and_finish(claims)

    def finish(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Write final states, with retries: an unwritten delivery would be made twice."""
        unwritten = list(claims)
        for pause in (*WRITE_AGAIN_AFTER, None):
            unwritten = self._end(unwritten, self._finish_one)
            if not unwritten or pause is None:
                return
            self._services.effects.sleep(pause)

    def _release_and_finish(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Release, then finish: a lease whose event is gone counts as delivered, so no other status may leave one."""

        def release_and_finish(claimed: ClaimedDelivery) -> bool:
            if claimed.called and claimed.delivery.unknown_outcome:
                self._record_calls(claimed)  # the next worker must know, should this process die before it finishes
            self._release_leases(claimed)
            return self._finish_one(claimed)

        self._end(claims, release_and_finish)

    def _record_calls(self, claimed: ClaimedDelivery) -> None:
        now = self._services.effects.clock()
        self._services.events.postpone(claimed.task.event, replace(claimed.delivery, status=Status.PENDING), now, now)

    def _finish_one(self, claimed: ClaimedDelivery) -> bool:
        if claimed.resubscribes and claimed.delivery.status is Status.DELIVERED:
            follow_resubscription(self._services, self._capabilities_of, claimed.task.event)
        event, delivery = claimed.task.event, claimed.delivery
        at = epoch_milliseconds(event.occurred_at)
        forgotten = loses_its_data(event.type, at, claimed.state, (delivery.status,), suppressed=claimed.suppressed)
        return self._services.events.finish(event, delivery, self._services.effects.clock(), forgotten=forgotten)

    def _end(
        self, claims: Sequence[ClaimedDelivery], write: Callable[[ClaimedDelivery], bool]
    ) -> list[ClaimedDelivery]:
        """Write final states by `write`, which returns whether it changed one; return those the ledger failed on."""
        written = self._each(write, claims)
        event_log.ended(
            (claimed.task.event.id, claimed.delivery) for claimed, new in zip(claims, written, strict=True) if new
        )
        return [claimed for claimed, new in zip(claims, written, strict=True) if new is None]

    def _each(self, work: Callable[[T], U], values: Iterable[T]) -> list[U | None]:
        """Apply `work` to each value in parallel; None where the ledger failed. A failure affects that value only."""

        def guarded(value: T) -> U | None:
            try:
                return work(value)
            except LedgerUnavailable as error:
                logger.warning("delivery deferred: ledger unavailable", extra={"error": str(error)})
                metrics.count("ledger_failures")
                return None

        return self._services.table.in_parallel(guarded, values)


def is_overdue(task: Task, now: datetime, give_up: timedelta) -> bool:
    """True for a signup accepted, or resent, longer ago than `give_up`. Unsubscribes are retried without limit."""
    since = task.delivery.resent_at or task.event.accepted_at
    return task.event.type is EventType.SIGNUP and now - since > give_up


def _readings(event: Event) -> tuple[Reading, ...]:
    """Return the addresses to lease: a signup's as it is, or all readings of an unsubscribe's."""
    return readings(event.email) if event.type is EventType.UNSUBSCRIBE else (Reading(event.email),)


def _claimed(task: Task, taken: Sequence[_Taken]) -> ClaimedDelivery:
    """Make a claimed delivery, with what the subscription state at the account requires of it.

    A person who resubscribed to one list may still be suppressed on others of the account. So every signup that may
    lift suppressions does so for a person who ever unsubscribed, not only the first; lifting none is harmless.
    """
    is_signup = task.event.type is EventType.SIGNUP
    attempt = taken[0][0]
    state = max((result.state for _, result in taken), key=lambda state: state.forgotten_at or 0)
    may_lift = attempt.provider_lifts_suppression and task.event.may_lift_suppression
    unsubscribed = state.is_suppressed if task.event.only_lifts_suppression else state.unsubscribed_at is not None
    return ClaimedDelivery(
        task,
        tuple(attempt for attempt, _ in taken),
        task.delivery,
        state,
        lifts_suppression=is_signup and unsubscribed and may_lift,
        resubscribes=is_signup and state.is_suppressed and not task.event.only_lifts_suppression,
        provider_id=state.provider_id if is_signup else None,
    )


def _ends(claimed: ClaimedDelivery, decision: Decision) -> bool:
    """Apply a decision that ends the delivery without a call; return whether it ended."""
    if decision is Decision.SUPERSEDED:
        claimed.delivery = replace(claimed.delivery, status=Status.SUPERSEDED, reason=None)
    elif decision is Decision.SUPPRESSED:
        claimed.delivery = replace(claimed.delivery, status=Status.REFUSED, reason=SUPPRESSED)
        claimed.suppressed = True
    elif claimed.task.event.only_lifts_suppression and not claimed.lifts_suppression:
        # no suppression to lift
        claimed.delivery = replace(claimed.delivery, status=Status.DELIVERED, reason=None)
    return claimed.delivery.status is not Status.PENDING
