"""Delivers the tasks of one account: claims recipients, sends batches, bisects refused batches, pauses on failures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ..domain.backoff import Pause, wait_seconds
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.reasons import ReasonCode
from ..domain.times import from_epoch_milliseconds
from ..observability import ContextPool, metrics
from ..providers.spec import Capabilities
from ..services import Services
from .batching import Group, Task, in_rows
from .bisection import ROWS_THAT_BLAME_THE_LIST, Bisection
from .circuit_breaker import CircuitBreaker
from .claimed import ClaimedDelivery, ClaimedRow, flat, forms_of, halves_of, person_of
from .claims import Claims, is_overdue
from .deadline import Deadline
from .provider_calls import REFUSALS, ProviderCalls

SHORTEST_CALL_SECONDS = 2.0
"""No call is started with less time than this."""
BUSY_PAUSES = (0.2, 0.4, 0.8, 1.6)
"""Successive waits in seconds for addresses that another delivery has claimed."""


@dataclass(slots=True)
class AccountDelivery:
    """Delivers the groups of one account within one invocation."""

    services: Services
    account: str
    capabilities: Capabilities
    calls: ProviderCalls
    claims: Claims
    circuit_breaker: CircuitBreaker
    deadline: Deadline
    resumed: bool = False
    """Set when the account, or a list of it, answered again after a pause: waiting deliveries may be enqueued."""
    _stopped: bool = False
    _concurrency: int = 1
    _due_by: datetime | None = None

    def deliver(self, groups: Sequence[Group]) -> None:
        """Delivers what may be delivered now; the rest stays pending and becomes due later."""
        pause = self.circuit_breaker.pause_of(None)
        if pause is not None and not self._may_try(pause):
            self._park_overdue(groups, self.circuit_breaker.pause_of(None))
            return
        self._due_by = max(self.services.effects.clock(), self.circuit_breaker.waived_until)
        if any(task.delivery.next_attempt_at for group in groups for task in group.tasks):
            due = [task for group in groups for task in group.tasks if task.delivery.is_due(self._due_by)]
            groups = _regrouped(groups, due)
        if pause is not None:
            groups = _fewest_attempts_first(groups)
        busy = self._deliver_groups(groups)
        for seconds in BUSY_PAUSES:
            if not busy or self._must_stop:
                break
            self.services.effects.sleep(seconds)
            busy = self._deliver_groups(_regrouped(groups, [task for task, _ in busy]))
        if busy:
            self._defer_busy(busy)
        if self.circuit_breaker.probing:
            self.circuit_breaker.stop_probing()

    def _may_try(self, pause: Pause) -> bool:
        """Returns whether a paused account may be tried: the pause is over, and no other worker probes the account.

        A call of unknown outcome whose repeat may leave a second row needs a probe first, which changes nothing. A
        refusal answers it too; if there is no answer, the account is paused again.
        """
        if not self.circuit_breaker.may_probe(self.deadline.lease_until):
            return False
        if not (pause.outcome_unknown and self.capabilities.may_double_rows):
            return True
        error = self.calls.probe()
        if error is None or error.kind in REFUSALS:
            return True
        self.circuit_breaker.failed(error)
        return False

    @property
    def _must_stop(self) -> bool:
        return self._stopped or self.deadline.seconds_left < SHORTEST_CALL_SECONDS

    @property
    def _give_up(self) -> timedelta:
        return timedelta(hours=self.services.settings.delivery.give_up_after_hours)

    def _deliver_groups(self, groups: Sequence[Group]) -> list[tuple[Task, int]]:
        """Delivers each group once; returns the tasks whose address was busy, with the end of its lease (ms)."""
        busy: list[tuple[Task, int]] = []
        for group in groups:
            if self._must_stop:
                break
            pause = self.circuit_breaker.pause_of(group.list)
            if pause is not None and group.list is not None and self.circuit_breaker.is_open(pause):
                self._defer_list(group, pause)
                continue
            waiting = deque(in_rows(group.tasks, merged=not self.capabilities.receives_events))
            size = 1 if group.list is None else self.capabilities.signup_batch
            while waiting and not self._must_stop:
                pause = self.circuit_breaker.pause_of(group.list)
                if pause is not None and self.circuit_breaker.is_open(pause):
                    break
                if pause is None or group.list is None:
                    rows = self._claim(waiting, size * self._concurrency, busy)
                    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
                else:
                    # several, the newest first: rows that are always refused must not keep the list paused
                    waiting.reverse()
                    rows = self._claim(waiting, max(size, ROWS_THAT_BLAME_THE_LIST), busy)
                    batches = [rows] if rows else []
                self._send_concurrently(group, size, batches)
        return busy

    def _claim(self, waiting: deque[tuple[Task, ...]], wanted: int, busy: list[tuple[Task, int]]) -> list[ClaimedRow]:
        """Claims rows until `wanted` of them may be sent, so that no call is smaller than necessary."""
        rows: list[ClaimedRow] = []
        while waiting and len(rows) < wanted:
            some = [waiting.popleft() for _ in range(min(wanted - len(rows), len(waiting)))]
            try:
                claimed, leased_elsewhere = self.claims.claim(
                    some,
                    self.deadline,
                    provider_lifts_suppression=self.capabilities.lifts_suppression,
                    due_by=self._due_by,
                )
            except LedgerUnavailable:
                if not rows:
                    raise
                break  # send what is claimed; sweep enqueues the others again
            rows += claimed
            busy += leased_elsewhere
        return rows

    def _defer_busy(self, busy: Sequence[tuple[Task, int]]) -> None:
        """Makes tasks due again when the lease on their address ends; tasks that share a row keep their due times.

        Many signups of one address would be rewritten with every lease; `sweep` enqueues them together, as one row.
        """
        until = {task.event.id: from_epoch_milliseconds(end + 1000) for task, end in busy}
        rows = in_rows(task for task, _ in busy)
        self.claims.defer((row[0], until[row[0].event.id]) for row in rows if len(row) == 1)

    def _send_concurrently(self, group: Group, size: int, batches: Sequence[Sequence[ClaimedRow]]) -> None:
        """Sends batches concurrently. The first call of a run goes alone: one is enough to detect a failing account."""
        if len(batches) == 1:
            self._send_batch(group, size, batches[0])
        elif batches:
            with ContextPool(len(batches), thread_name_prefix=f"calls-{self.account}") as pool:
                list(pool.map(partial(self._send_batch, group, size), batches))

    def _send_batch(self, group: Group, size: int, rows: Sequence[ClaimedRow]) -> None:
        """Sends one batch to its end: delivered, bisected with single rows refused, or postponed with the account.

        `size` rows fill a call.
        """
        if any(row[-1].lifts_suppression for row in rows):
            rows = self._lift_suppressions(group, rows)
        bisection = Bisection(rows, size, halves_of, person_of)
        while (part := bisection.next_part()) is not None:
            calls = part[0][0].calls + bool(bisection.rejected)  # one more to ask whether the list exists
            if self._must_stop or self.deadline.seconds_left < SHORTEST_CALL_SECONDS * calls:
                self._stop_bisection(group, part, bisection)
                return
            error = self.calls.send(group, part)
            if error is None:
                bisection.accepted(part)
                self._record_accepted(group, part)
            elif error.kind in REFUSALS:
                self._record_refusal(part)
                bisection.refused(part, error)
            elif error.row_only:
                self._retry_rows(flat(part), error)
            else:
                self._stop_batch(group, part, bisection, error)
                return
        if bisection.rejected:
            self._finish_bisection(group, bisection)

    def _lift_suppressions(self, group: Group, rows: Sequence[ClaimedRow]) -> Sequence[ClaimedRow]:
        """Has the provider lift the suppressions of a batch; returns the rows that may be sent.

        A later attempt lifts again if this one ends here; repeating it is harmless.
        """
        suppressed = [row for row in rows if row[-1].lifts_suppression]
        if self._must_stop:
            self.claims.release(flat(rows))
            return []
        results = self._concurrently(partial(self.calls.lift_suppression, group.list), suppressed)
        errors = dict(zip(map(id, suppressed), results, strict=True))
        failed = [(one, error) for row in suppressed if (error := errors[id(row)]) is not None for one in row]
        for claimed, error in failed:
            claimed.tried(unknown=error.kind is Kind.UNKNOWN)
        failure = next((error for _, error in failed if error.kind not in REFUSALS), None)
        if failed and failure is None and group.list is not None:
            failure = self.calls.missing_list(group.list)
        if failure is not None:
            self._pause(group, flat(rows), failure)
            return []
        self.claims.refuse(failed)
        return [row for row in rows if errors.get(id(row)) is None]

    def _concurrently(
        self, work: Callable[[ClaimedRow], ProviderError | None], rows: Sequence[ClaimedRow]
    ) -> list[ProviderError | None]:
        """Applies `work` to each row, with as many threads as the provider takes parallel calls."""
        if len(rows) == 1:
            return [work(rows[0])]
        with ContextPool(max(1, self.capabilities.parallel_calls), f"lifts-{self.account}") as pool:
            return list(pool.map(work, rows))

    def _record_accepted(self, group: Group, part: Sequence[ClaimedRow]) -> None:
        for row in part:
            for claimed in row:
                claimed.tried()
                claimed.resubscribes = claimed.resubscribes and claimed is row[-1]  # one is enough to follow
        self.claims.delivered(flat(part))
        self._concurrency = max(1, self.capabilities.parallel_calls)
        if self.circuit_breaker.answered(group.list, forms_of(part)):
            self.resumed = True

    def _stop_batch(
        self, group: Group, part: Sequence[ClaimedRow], bisection: Bisection[ClaimedRow], error: ProviderError
    ) -> None:
        """Records a call of `part` that failed for the account or the list, and postpones all that is not accepted."""
        unknown = error.kind is Kind.UNKNOWN
        for claimed in flat(part):
            claimed.tried(unknown=unknown, unanswered=unknown)
        self._pause(group, flat([*part, *bisection.unaccepted]), error)

    def _record_answer(self, list_id: str | None) -> None:
        """Records that the provider works: the pauses of the account and of the list are over."""
        if self.circuit_breaker.answered(list_id):
            self.resumed = True

    def _retry_rows(self, claims: Sequence[ClaimedDelivery], error: ProviderError) -> None:
        """Schedules retries of a failure that concerns these deliveries alone: nothing is paused for it."""
        for claimed in claims:
            claimed.tried()
        self._record_answer(None)
        policy, failures = self.services.settings.delivery, max(claimed.delivery.attempts for claimed in claims) - 1
        wait = wait_seconds(
            failures,
            policy.first_retry_seconds,
            policy.longest_retry_seconds,
            self.services.effects.chance(),
            error.retry_after,
        )
        until = self.services.effects.clock() + timedelta(seconds=wait)
        self.claims.schedule_retry(claims, error.message, error.reason_code, until, self._give_up)

    def _record_refusal(self, part: Sequence[ClaimedRow]) -> None:
        """Records a refused call. The halves of the batch are sent again, which may double rows at some providers."""
        unknown = len(part) > 1 and not self.capabilities.signup_repeat_is_harmless
        for claimed in flat(part):
            claimed.tried(unknown=unknown)

    def _finish_bisection(self, group: Group, bisection: Bisection[ClaimedRow]) -> None:
        """Refuses the rejected rows for good, unless the list is at fault or its existence cannot be checked."""
        if group.list is None or self.capabilities.receives_events:
            self._record_answer(None)  # a refusal is an answer
            self.claims.refuse([(claimed, error) for row, error in bisection.rejected for claimed in row])
            return
        if bisection.all_refused_alike and not bisection.list_is_at_fault:
            failure = self.calls.missing_list(group.list)
            if failure is not None:
                self._pause(group, flat(bisection.unaccepted), failure)
                return
        decision, pause = self.circuit_breaker.refused(
            group.list,
            [(row[-1].task.event, error.message) for row, error in bisection.rejected],
            forms_of(bisection.accepted_rows),
            list_at_fault=bisection.list_is_at_fault,
        )
        rejected = list(zip(bisection.rejected, decision.final, strict=True))
        self.claims.refuse([(claimed, error) for (row, error), final in rejected if final for claimed in row])
        if pause is not None:
            waiting = [*bisection.remaining, *(row for (row, _), final in rejected if not final)]
            until = from_epoch_milliseconds(pause.until)
            self._postpone_list(flat(waiting), pause.reason, pause.reason_code, until)

    def _stop_bisection(self, group: Group, part: Sequence[ClaimedRow], bisection: Bisection[ClaimedRow]) -> None:
        """Releases what was not sent, and refuses what was rejected: many bad rows would be retried without end."""
        self.claims.release(flat([*part, *bisection.drop_remaining()]))
        may_ask = not self._must_stop or not bisection.all_refused_alike
        if bisection.rejected and may_ask and not self._stopped and not bisection.list_is_at_fault:
            self._finish_bisection(group, bisection)
        else:
            self.claims.release(flat(bisection.unaccepted))

    def _pause(self, group: Group, claims: Sequence[ClaimedDelivery], error: ProviderError) -> None:
        """Pauses the account, or only the list, and schedules retries of the claimed deliveries."""
        if error.kind is Kind.UNKNOWN:
            metrics.count("unknown_outcomes", account=self.account)
        if group.list is not None and error.list_only:
            until = self.circuit_breaker.failed(error, group.list)
            self._postpone_list(claims, error.message, error.reason_code, until)
        else:
            self._stopped = True
            until = self.circuit_breaker.failed(error)
            self.claims.schedule_retry(claims, error.message, error.reason_code, until, self._give_up)

    def _postpone_list(
        self, claims: Sequence[ClaimedDelivery], reason: str, code: ReasonCode | None, until: datetime
    ) -> None:
        """Schedules retries of claimed deliveries to a list that has been paused until then."""
        self._record_answer(None)  # a provider that refuses one list works for all others
        self.claims.schedule_retry(claims, reason, code, until, self._give_up)

    def _defer_list(self, group: Group, pause: Pause) -> None:
        """Parks what is overdue for a paused list; defers the rest until its pause ends."""
        overdue = self._overdue(group)
        self.claims.park(overdue, pause.reason, pause.reason_code, self.deadline)
        until = from_epoch_milliseconds(pause.until)
        self.claims.defer((task, until) for task in group.tasks if task not in overdue)

    def _park_overdue(self, groups: Sequence[Group], pause: Pause | None) -> None:
        reason, code = (pause.reason, pause.reason_code) if pause else ("paused", None)
        for group in groups:
            self.claims.park(self._overdue(group), reason, code, self.deadline)

    def _overdue(self, group: Group) -> list[Task]:
        now = self.services.effects.clock()
        return [task for task in group.tasks if is_overdue(task, now, self._give_up)]


def _fewest_attempts_first(groups: Sequence[Group]) -> list[Group]:
    """Returns the groups in the order in which a paused account is tried.

    Deliveries that have failed often come last, so that they do not keep the others waiting.
    """
    ordered = [
        replace(group, tasks=tuple(sorted(group.tasks, key=lambda task: task.delivery.attempts))) for group in groups
    ]
    return sorted(ordered, key=lambda group: group.tasks[0].delivery.attempts)


def _regrouped(groups: Sequence[Group], tasks: Sequence[Task]) -> list[Group]:
    """Returns the same groups, reduced to the tasks in `tasks`; empty groups are left out."""
    ids = {task.event.id for task in tasks}
    reduced = [
        Group(group.account, group.event_type, group.list, tuple(task for task in group.tasks if task.event.id in ids))
        for group in groups
    ]
    return [group for group in reduced if group.tasks]
