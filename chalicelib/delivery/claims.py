"""Claims deliveries for a worker by leases on their addresses, writes their results and releases them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from ..domain.addresses import Reading, readings
from ..domain.erasure import loses_its_data
from ..domain.errors import LedgerUnavailable, ProviderError
from ..domain.events import Delivery, Event, EventType, Status
from ..domain.ordering import SUPPRESSED, Decision, SubscriptionState
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds
from ..ledger.subscriptions import DeliveryAttempt, decision
from ..ledger.table import Key
from ..observability import event_log
from ..providers.spec import Capabilities
from ..services import Services
from .batching import Task, in_rows
from .claimed import ClaimedDelivery, ClaimedRow, RowLease, Taken
from .deadline import Deadline
from .resubscription import follow_resubscription

T = TypeVar("T")
U = TypeVar("U")

_Leased = list[tuple[ClaimedDelivery, Decision]]
PARKED_AT_ONCE = 200
WRITE_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to write what a provider has already done: losing it would repeat the delivery."""


class Claims:
    """Claims deliveries and writes their results. `capabilities_of` gives the capabilities of an account's provider."""

    def __init__(self, services: Services, capabilities_of: Callable[[str], Capabilities | None]) -> None:
        self._services = services
        self._capabilities_of = capabilities_of

    def claim(
        self,
        rows: Sequence[Sequence[Task]],
        deadline: Deadline,
        *,
        provider_lifts_suppression: bool,
        due_by: datetime | None = None,
    ) -> tuple[list[ClaimedRow], list[tuple[Task, int]]]:
        """Claims `rows` of one account (`in_rows`), each by one lease; returns what to send now, and what is busy.

        Busy tasks, whose address is leased elsewhere, are returned with the end of that lease (ms). Tasks that the
        order rules end (superseded, suppressed) are written as final. Tasks that another worker has ended or postponed
        since they were loaded are skipped (until `due_by`, default now); tasks on which the ledger fails stay pending
        for sweep.
        """
        if not rows:
            return [], []
        emails = [reading.clean for row in rows for reading in _readings(row[-1].event)]
        known = self._services.subscriptions.read(emails, rows[0][0].account)
        # without those that have a malformed state
        rows = [row for row in rows if all(reading.clean in known for reading in _readings(row[-1].event))]
        take_leases = partial(
            self._take_leases,
            known=known,
            until=deadline.lease_until,
            provider_lifts_suppression=provider_lifts_suppression,
        )
        busy: list[tuple[Task, int]] = []
        leased: list[_Leased] = []
        for row, taken in zip(rows, self._each(take_leases, rows), strict=True):
            if taken is None:
                continue
            if taken[0][1].decision is None:
                busy += [(task, taken[0][1].busy_until or 0) for task in row]
            else:
                leased.append(self._claimed_row(row, taken))
        return self._still_due(leased, due_by or self._services.effects.clock()) if leased else [], busy

    def _claimed_row(self, row: Sequence[Task], taken: Sequence[Taken]) -> _Leased:
        """Returns the claimed deliveries of a row, each with its decision: an unsubscribe may be later than some."""
        lease = RowLease(self._services.subscriptions, taken, row)
        attempt, result = taken[0]
        decisions = [decision(replace(attempt, event=task.event), result.state) for task in row[:-1]]
        claims = [_claimed(task, taken, lease) for task in row]
        return list(zip(claims, [*decisions, result.decision or Decision.GO], strict=True))

    def _take_leases(
        self,
        row: Sequence[Task],
        *,
        known: Mapping[str, Mapping[Key, SubscriptionState]],
        until: datetime,
        provider_lifts_suppression: bool,
    ) -> list[Taken]:
        """Takes the leases of all readings of a row's address, one after the other; if one is busy, none.

        Of two readings, one that is superseded is left out, unless both are.
        """
        latest, others = row[-1], tuple(task.event for task in row[:-1])
        events, subscriptions, account = self._services.events, self._services.subscriptions, latest.account
        taken: list[Taken] = []
        for reading in _readings(latest.event):
            attempt = DeliveryAttempt(
                latest.event,
                account,
                until,
                self._services.effects.token(),
                reading,
                provider_lifts_suppression,
                latest.delivery.reverted_unsubscribe_at,
                others,
            )
            result = subscriptions.take_lease(
                attempt,
                known[attempt.reading.clean],
                lambda event_id: events.status(event_id, account),
                lambda lease: events.mark_unknown(lease.events, account, lease.token),
                self._services.effects.clock(),
            )
            if result.decision is None:
                for earlier, _ in taken:
                    subscriptions.release(earlier)
                return [(attempt, result)]
            taken.append((attempt, result))
        return [one for one in taken if one[1].decision is not Decision.SUPERSEDED] or taken

    def _still_due(self, leased: Sequence[_Leased], due_by: datetime) -> list[ClaimedRow]:
        """Reads claimed deliveries again, because another worker may have made them just before the lease was taken.

        No other worker can deliver them from here on, so what is read now stays true.
        """
        current = self._current_deliveries([claimed for row in leased for claimed, _ in row])
        due: list[ClaimedRow] = []
        ended: list[ClaimedDelivery] = []
        skipped: list[ClaimedDelivery] = []
        for row in leased:
            due_of_row = []
            for claimed, decided in row:
                claimed.delivery = current.get(claimed.task.event.id, claimed.delivery)
                if claimed.task.event.id not in current or claimed.delivery.status is not Status.PENDING:
                    skipped.append(claimed)
                elif _ends(claimed, decided) or self._attempts_are_spent(claimed, "no outcome was recorded"):
                    ended.append(claimed)
                elif claimed.delivery.is_due(due_by):
                    due_of_row.append(claimed)
                else:
                    skipped.append(claimed)
            due += [tuple(due_of_row)] if due_of_row else []
        if skipped:
            self.release(skipped)
        if ended:
            self._release_and_finish([claimed for claimed in ended if claimed.delivery.status is not Status.DELIVERED])
            self.finish([claimed for claimed in ended if claimed.delivery.status is Status.DELIVERED])
        return due

    def _attempts_are_spent(self, claimed: ClaimedDelivery, why: str) -> bool:
        """Sets a signup to parked after `unknown_attempts`, where one more may add a row; returns whether it is parked.

        Unsubscribes, and signups that only lift a suppression, are never parked for this: repeating them is harmless.
        """
        event, attempts = claimed.task.event, claimed.delivery.unknown_attempts
        if event.type is not EventType.SIGNUP or attempts < self._services.settings.delivery.unknown_attempts:
            return False
        capabilities = self._capabilities_of(claimed.task.account)
        if event.only_lifts_suppression or capabilities is None or not capabilities.may_double_rows:
            return False
        count = f"{attempts} attempt{'s' if attempts > 1 else ''}"
        reason = f"outcome unknown after {count}, and one more may add a second row: {why}"
        claimed.delivery = replace(
            claimed.delivery, status=Status.PARKED, reason=reason, reason_code=ReasonCode.OUTCOME_UNKNOWN
        )
        return True

    def _current_deliveries(self, claims: Sequence[ClaimedDelivery]) -> dict[str, Delivery]:
        try:
            return self._services.events.deliveries((claimed.task.event for claimed in claims), claims[0].task.account)
        except LedgerUnavailable as error:
            event_log.deferred(error)
            return {}

    def delivered(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Writes claims as delivered. The leases stay: the next worker sees that their deliveries are final."""
        for claimed in claims:
            claimed.delivery = replace(claimed.delivery, status=Status.DELIVERED, reason=None, reason_code=None)
        # Without the provider's row id, lifting the suppression later must read the whole list.
        rows = [row for claimed in claims for row in claimed.rows]
        self._each(lambda row: self._services.subscriptions.record_row(*row), rows)
        self.finish(claims)

    def refuse(self, claims: Sequence[tuple[ClaimedDelivery, ProviderError]]) -> None:
        """Writes claims as refused for good, each with the provider's error, and releases them."""
        for claimed, error in claims:
            claimed.delivery = replace(
                claimed.delivery, status=Status.REFUSED, reason=error.message, reason_code=error.reason_code
            )
        self._release_and_finish([claimed for claimed, _ in claims])

    def schedule_retry(
        self,
        claims: Sequence[ClaimedDelivery],
        reason: str,
        code: ReasonCode | None,
        until: datetime,
        give_up: timedelta,
    ) -> None:
        """Releases claims after a failure of the account or list: due again at `until`, or parked (overdue, spent)."""
        now = self._services.effects.clock()
        overdue = [claimed for claimed in claims if is_overdue(claimed.task, now, give_up)]
        for claimed in claims:
            claimed.delivery = replace(claimed.delivery, reason=reason, reason_code=code)
        for claimed in overdue:
            claimed.delivery = replace(claimed.delivery, status=Status.PARKED)
        pending = [claimed for claimed in claims if claimed.delivery.status is Status.PENDING]
        spent = [claimed for claimed in pending if self._attempts_are_spent(claimed, reason)]
        self._release_and_finish([*overdue, *spent])
        waiting = [claimed for claimed in claims if claimed.delivery.status is Status.PENDING]
        for claimed in waiting:
            claimed.delivery = replace(claimed.delivery, next_attempt_at=until)

        def postpone(claimed: ClaimedDelivery) -> None:
            self._services.events.postpone(claimed.task.event, claimed.delivery, until, now)
            claimed.lease.end(claimed.task.event)

        self._each(postpone, waiting)
        if waiting:
            event_log.retry_scheduled(
                waiting[0].task.account, (claimed.task.event.id for claimed in waiting), reason, until
            )

    def release(self, claims: Iterable[ClaimedDelivery]) -> None:
        """Releases claims that are not sent now. Calls already made are recorded; their deliveries are due at once."""

        def release(claimed: ClaimedDelivery) -> None:
            if claimed.called:
                self._record_calls(claimed)
            claimed.lease.end(claimed.task.event)

        self._each(release, claims)

    def defer(self, tasks: Iterable[tuple[Task, datetime]]) -> None:
        """Makes tasks that were not tried due at the given time."""
        self._each(lambda pair: self._services.events.defer(pair[0].event, pair[0].delivery, pair[1]), tasks)

    def park(self, tasks: Sequence[Task], reason: str, code: ReasonCode | None, deadline: Deadline) -> None:
        """Parks tasks of one account until an operator resends them. Those left at `deadline` are enqueued again.

        Tasks are claimed first, as for a call: another worker may be delivering one now, or have died and left its
        outcome unknown; and an unsubscribe must enter the subscription state even if it cannot be propagated.
        """
        for start in range(0, len(tasks), PARKED_AT_ONCE):
            if deadline.seconds_left <= 0:
                return
            rows = in_rows(tasks[start : start + PARKED_AT_ONCE])
            claimed_rows, _ = self.claim(rows, deadline, provider_lifts_suppression=True)
            claims = [claimed for row in claimed_rows for claimed in row]
            for claimed in claims:
                claimed.delivery = replace(claimed.delivery, status=Status.PARKED, reason=reason, reason_code=code)
            self._release_and_finish(claims)

    def finish(self, claims: Sequence[ClaimedDelivery], write_again_after: Sequence[float] = WRITE_AGAIN_AFTER) -> None:
        """Writes final states, with retries: an unwritten delivery would be made twice."""
        unwritten = list(claims)
        for pause in (*write_again_after, None):
            written = list(zip(unwritten, self._each(self._finish_one, unwritten), strict=True))
            event_log.ended((claimed.task.event.id, claimed.delivery) for claimed, changed in written if changed)
            unwritten = [claimed for claimed, changed in written if changed is None]
            if not unwritten or pause is None:
                return
            self._services.effects.sleep(pause)

    def _release_and_finish(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Releases, then finishes: a lease whose event is gone counts as delivered; no other status may leave one."""

        def release(claimed: ClaimedDelivery) -> bool:
            if claimed.called and claimed.delivery.unknown_outcome:
                self._record_calls(claimed)  # the next worker must know, should this process die before it finishes
            claimed.lease.end(claimed.task.event)
            return True

        released = self._each(release, claims)
        self.finish([claimed for claimed, done in zip(claims, released, strict=True) if done], write_again_after=())

    def _record_calls(self, claimed: ClaimedDelivery) -> None:
        now = self._services.effects.clock()
        self._services.events.postpone(claimed.task.event, replace(claimed.delivery, status=Status.PENDING), now, now)

    def _finish_one(self, claimed: ClaimedDelivery) -> bool:
        if claimed.resubscribes and claimed.delivery.status is Status.DELIVERED:
            follow_resubscription(self._services, self._capabilities_of, claimed.task.event)
        event, delivery = claimed.task.event, claimed.delivery
        at = epoch_milliseconds(event.occurred_at)
        forgotten = loses_its_data(event.type, at, claimed.state, (delivery.status,), suppressed=claimed.suppressed)
        changed = self._services.events.finish(event, delivery, self._services.effects.clock(), forgotten=forgotten)
        claimed.lease.end(event, delivered=delivery.status is Status.DELIVERED)
        return changed

    def _each(self, work: Callable[[T], U], values: Iterable[T]) -> list[U | None]:
        """Applies `work` to each value in parallel; None where the ledger failed. A failure affects that value only."""

        def guarded(value: T) -> U | None:
            try:
                return work(value)
            except LedgerUnavailable as error:
                event_log.deferred(error)
                return None

        return self._services.table.in_parallel(guarded, values)


def is_overdue(task: Task, now: datetime, give_up: timedelta) -> bool:
    """Returns whether a signup has waited for longer than `give_up`. Unsubscribes are retried without limit."""
    return task.event.type is EventType.SIGNUP and now - waiting_since(task) > give_up


def waiting_since(task: Task) -> datetime:
    """Returns when a delivery began to wait: when it was accepted, confirmed by its person, or resent, the latest."""
    confirmed_at = task.event.confirmation.confirmed_at if task.event.confirmation else None
    return max(at for at in (task.event.accepted_at, confirmed_at, task.delivery.resent_at) if at is not None)


def _readings(event: Event) -> tuple[Reading, ...]:
    """Returns the addresses to lease: a signup's as it is, or all readings of an unsubscribe's."""
    return readings(event.email) if event.type is EventType.UNSUBSCRIBE else (Reading(event.email),)


def _claimed(task: Task, taken: Sequence[Taken], lease: RowLease) -> ClaimedDelivery:
    """Makes a claimed delivery, with what the subscription state at the account requires of it.

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
        lease,
        task.delivery,
        state,
        lifts_suppression=is_signup and unsubscribed and may_lift,
        resubscribes=is_signup and state.is_suppressed and not task.event.only_lifts_suppression,
        calls=1 if is_signup else sum(len(attempt.reading.spellings) for attempt, _ in taken),
        provider_id=state.provider_id if is_signup else None,
    )


def _ends(claimed: ClaimedDelivery, decision: Decision) -> bool:
    """Applies a decision that ends the delivery without a call; returns whether it ended."""
    if decision is Decision.SUPERSEDED:
        claimed.delivery = replace(claimed.delivery, status=Status.SUPERSEDED, reason=None, reason_code=None)
    elif decision is Decision.SUPPRESSED:
        claimed.delivery = replace(
            claimed.delivery, status=Status.REFUSED, reason=SUPPRESSED, reason_code=ReasonCode.SUPPRESSED
        )
        claimed.suppressed = True
    elif _needs_no_call(claimed):
        claimed.delivery = replace(claimed.delivery, status=Status.DELIVERED, reason=None, reason_code=None)
    return claimed.delivery.status is not Status.PENDING


def _needs_no_call(claimed: ClaimedDelivery) -> bool:
    """Returns whether there is no suppression to lift, or the account is the sender of the event itself."""
    event = claimed.task.event
    return event.sender_account == claimed.task.account or (
        event.only_lifts_suppression and not claimed.lifts_suppression
    )
