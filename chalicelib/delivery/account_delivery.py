"""The delivery loop of one account: take in hand, call in chunks, split what is refused, stop when it is in trouble."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import assert_never

from ..config.model import Delivery as RetryPolicy
from ..domain.backoff import Pause
from ..domain.errors import Kind, LedgerUnavailable, ProviderError, SecretUnavailable
from ..domain.events import EventType
from ..domain.times import from_epoch_milliseconds
from ..effects import Effects
from ..observability import logger, with_log_context
from ..providers.base import Capabilities, Provider
from .batching import Group, Task
from .bisection import Bisection
from .circuit_breaker import CircuitBreaker
from .claims import ClaimedDelivery, Claims, is_overdue
from .contacts import Contacts
from .deadline import Deadline

REFUSALS = (Kind.CONTACT, Kind.CALLER)
SHORTEST_CALL_SECONDS = 2.0
"""No call is started with less time than this."""
BUSY_PAUSES = (0.2, 0.4, 0.8, 1.6)
"""Seconds to wait, one after another, for addresses that another delivery has in hand."""


@dataclass(slots=True)
class AccountRun:
    """Delivers the groups of one account within one invocation."""

    account: str
    provider: Provider
    capabilities: Capabilities
    contacts: Contacts
    claims: Claims
    circuit_breaker: CircuitBreaker
    patience: RetryPolicy
    deadline: Deadline
    effects: Effects
    resumed: bool = False
    """Set when the account, or a list of it, answered again after a pause: what waits may be rung for."""
    _stopped: bool = False
    _in_one_go: int = 1

    def deliver(self, groups: Sequence[Group]) -> None:
        """Deliver what may be delivered now; the rest stays pending, and due when its time comes."""
        if not self.circuit_breaker.may_start(self.deadline.holds_end_at):
            self._give_up_overdue(groups, self.circuit_breaker.pause)
            return
        busy = self._round(groups)
        for seconds in BUSY_PAUSES:
            if not busy or self._over:
                break
            self.effects.sleep(seconds)
            busy = self._round(_regrouped(groups, [task for task, _ in busy]))
        self.claims.due_later((task, from_epoch_milliseconds(until + 1000)) for task, until in busy)
        self.circuit_breaker.stop_probing()

    @property
    def _over(self) -> bool:
        return self._stopped or self.deadline.seconds_left < SHORTEST_CALL_SECONDS

    @property
    def _give_up(self) -> timedelta:
        return timedelta(hours=self.patience.give_up_after_hours)

    def _round(self, groups: Sequence[Group]) -> list[tuple[Task, int]]:
        """One pass over the groups; gives the tasks whose address was busy, with until when."""
        busy: list[tuple[Task, int]] = []
        for group in groups:
            if self._over:
                break
            shut = self.circuit_breaker.shut(group.list)
            if shut is not None and group.list is not None:
                self._wait_for_list(group, shut)
            else:
                busy += self._group(group)
        return busy

    def _group(self, group: Group) -> list[tuple[Task, int]]:
        waiting, busy = deque(group.tasks), list[tuple[Task, int]]()
        size = 1 if group.list is None else self.capabilities.signup_batch
        while waiting and not self._over and self.circuit_breaker.shut(group.list) is None:
            claims = self._fill(waiting, size * self._in_one_go, busy)
            parts = [claims[start : start + size] for start in range(0, len(claims), size)]
            self._side_by_side(group, parts)
        return busy

    def _fill(self, waiting: deque[Task], wanted: int, busy: list[tuple[Task, int]]) -> list[ClaimedDelivery]:
        """Take tasks in hand until `wanted` of them may go, so that no call is smaller than it must be."""
        claims: list[ClaimedDelivery] = []
        while waiting and len(claims) < wanted:
            tasks = [waiting.popleft() for _ in range(min(wanted - len(claims), len(waiting)))]
            try:
                going, held_elsewhere = self.claims.take(
                    tasks, self.deadline, provider_lifts=self.capabilities.lifts_suppression
                )
            except LedgerUnavailable:
                if not claims:
                    raise
                break  # what is in hand goes; whoever is left out is rung for again
            claims += going
            busy += held_elsewhere
        return claims

    def _side_by_side(self, group: Group, parts: Sequence[Sequence[ClaimedDelivery]]) -> None:
        """Make the calls of several parts at once. The first call goes alone: many must not find out what one can."""
        if len(parts) == 1:
            self._part(group, parts[0])
        elif parts:
            with ThreadPoolExecutor(len(parts), thread_name_prefix=f"calls-{self.account}") as pool:
                list(pool.map(with_log_context(partial(self._part, group)), parts))

    def _part(self, group: Group, claims: Sequence[ClaimedDelivery]) -> None:
        """One chunk, to its end: delivered, split and refused row by row, or put off with the rest of the account."""
        bisection = Bisection(self._lifted(group, claims))
        while (part := bisection.next_part()) is not None:
            if self._over:
                self.claims.give_back([*part, *bisection.left, *(claimed for claimed, _ in bisection.suspects)])
                return
            error = self._call(group, part)
            if error is None:
                bisection.accepted()
                self._accepted(group, part)
            elif error.kind in REFUSALS:
                self._record_refusal(part)
                bisection.refused(part, error.message)
            else:
                for claimed in part:
                    claimed.tried(unknown=error.kind is Kind.UNKNOWN)
                self._trouble(group, [*part, *bisection.left, *(claimed for claimed, _ in bisection.suspects)], error)
                return
        self._settle(group, bisection)

    def _lifted(self, group: Group, claims: Sequence[ClaimedDelivery]) -> Sequence[ClaimedDelivery]:
        """Have the provider take back that people of a chunk left; gives those who may go on.

        It is done again, to no harm, with the next attempt at a signup that comes no further than this.
        """
        lifting = [claimed for claimed in claims if claimed.lifts]
        if not lifting:
            return claims
        if self._over:
            self.claims.give_back(claims)
            return []
        errors = dict(zip(map(id, lifting), self._at_once(partial(self._lift, group), lifting), strict=True))
        failed = [(claimed, error) for claimed in lifting if (error := errors[id(claimed)]) is not None]
        for claimed, error in failed:
            claimed.tried(unknown=error.kind is Kind.UNKNOWN)
        blame = next((error for _, error in failed if error.kind not in REFUSALS), None)
        if failed and blame is None and group.list is not None:
            blame = self._missing_list(group.list)
        if blame is not None:
            self._trouble(group, claims, blame)
            return []
        self.claims.refuse([(claimed, error.message) for claimed, error in failed])
        return [claimed for claimed in claims if errors.get(id(claimed)) is None]

    def _at_once(
        self, work: Callable[[ClaimedDelivery], ProviderError | None], claims: Sequence[ClaimedDelivery]
    ) -> list[ProviderError | None]:
        """`work` on each, as many at a time as the provider takes calls."""
        if len(claims) == 1:
            return [work(claims[0])]
        with ThreadPoolExecutor(max(1, self.capabilities.parallel_calls), f"lifts-{self.account}") as pool:
            return list(pool.map(with_log_context(work), claims))

    def _lift(self, group: Group, claimed: ClaimedDelivery) -> ProviderError | None:
        email, row = claimed.task.event.email, claimed.provider_id
        budget = self.deadline.seconds_left
        return self._asked(lambda: self.provider.lift(email, list_id=group.list, provider_id=row, budget=budget))

    def _call(self, group: Group, part: Sequence[ClaimedDelivery]) -> ProviderError | None:
        budget = self.deadline.seconds_left
        match group.verb:
            case EventType.UNSUBSCRIBE:
                return self._asked(lambda: self._take_off(part[0], budget))
            case EventType.SIGNUP:
                if group.list is None:
                    return None  # to take back that somebody left was all there was to do
                list_id = group.list
                return self._asked(lambda: self._sign_up(list_id, part, budget))
            case _:
                assert_never(group.verb)

    def _sign_up(self, list_id: str, part: Sequence[ClaimedDelivery], budget: float) -> None:
        self.provider.sign_up(list_id, [self.contacts.of(claimed.task.event) for claimed in part], budget=budget)

    def _asked(self, call: Callable[[], None]) -> ProviderError | None:
        """Make a call; what went wrong, if it did."""
        try:
            call()
        except ProviderError as error:
            return error
        except SecretUnavailable as error:
            return ProviderError(Kind.ACCOUNT, str(error))
        except Exception as error:
            # Any: a client that breaks may have done its work first, and must neither do that again every minute nor
            # take other accounts with it. Only the kind of error is told, for its words may hold an address.
            logger.exception("a provider's client broke", extra={"account": self.account})
            return ProviderError(Kind.UNKNOWN, f"{type(error).__name__} in the provider's client")
        return None

    def _take_off(self, claimed: ClaimedDelivery, budget: float) -> None:
        """Tell the provider of one who left, or have it delete one who asked to be forgotten, where it does."""
        event = claimed.task.event
        if event.forget and self.capabilities.deletes_subscribers:
            self.provider.forget(event.email, budget=budget)
        else:
            claimed.provider_id = self.provider.unsubscribe(
                event.email, everywhere=event.scope == "global", budget=budget
            )

    def _accepted(self, group: Group, part: Sequence[ClaimedDelivery]) -> None:
        for claimed in part:
            claimed.tried()
        self.claims.delivered(part)
        self._in_one_go = max(1, self.capabilities.parallel_calls)
        if self.circuit_breaker.answered(group.list):
            self.resumed = True

    def _record_refusal(self, part: Sequence[ClaimedDelivery]) -> None:
        """Rows of a refused batch are sent again in halves, which may leave two of them where that is not harmless."""
        unknown = len(part) > 1 and not self.capabilities.signup_repeat_is_harmless
        for claimed in part:
            claimed.tried(unknown=unknown)

    def _settle(self, group: Group, bisection: Bisection[ClaimedDelivery]) -> None:
        """Refuse the suspects for good, unless it is the list that is at fault, or nobody can say."""
        if not bisection.suspects:
            return
        words = bisection.suspects[0][1]
        blame: ProviderError | None = None
        if bisection.list_is_at_fault:
            blame = ProviderError(Kind.ACCOUNT, f"every contact is refused: {words}", list_only=True)
        elif group.list is not None and bisection.all_refused_alike:
            blame = self._missing_list(group.list)
        if blame is None:
            self.claims.refuse(bisection.suspects)
        else:
            self._trouble(group, [*bisection.left, *(claimed for claimed, _ in bisection.suspects)], blame)

    def _missing_list(self, list_id: str) -> ProviderError | None:
        """Ask whether the list is there before blaming a person for its absence."""
        try:
            if self.provider.list_exists(list_id, budget=self.deadline.seconds_left):
                return None
        except (ProviderError, SecretUnavailable) as error:
            kind = error.kind if isinstance(error, ProviderError) else Kind.ACCOUNT
            return ProviderError(Kind.LATER if kind is Kind.UNKNOWN else kind, str(error))
        return ProviderError(Kind.ACCOUNT, f"the list {list_id} is not there any more", list_only=True)

    def _trouble(self, group: Group, claims: Sequence[ClaimedDelivery], error: ProviderError) -> None:
        """Pause the account, or only the list, and put off what is in hand."""
        list_id = group.list if error.list_only else None
        if list_id is not None and self.circuit_breaker.answered(None):
            self.resumed = True  # who knows that a list is missing can be asked again about all others
        until = self.circuit_breaker.failed(error, list_id)
        self._stopped = self._stopped or list_id is None
        self.claims.put_off(claims, error.message, until, self._give_up)

    def _wait_for_list(self, group: Group, shut: Pause) -> None:
        overdue = self._overdue(group)
        self.claims.park(overdue, shut.reason, self.deadline)
        until = from_epoch_milliseconds(shut.until)
        self.claims.due_later((task, until) for task in group.tasks if task not in overdue)

    def _give_up_overdue(self, groups: Sequence[Group], pause: Pause | None) -> None:
        for group in groups:
            self.claims.park(self._overdue(group), pause.reason if pause else "paused", self.deadline)

    def _overdue(self, group: Group) -> list[Task]:
        now = self.effects.clock()
        return [task for task in group.tasks if is_overdue(task, now, self._give_up)]


def _regrouped(groups: Sequence[Group], tasks: Sequence[Task]) -> list[Group]:
    """The same groups, with only those of their tasks that are in `tasks`."""
    ids = {task.event.id for task in tasks}
    kept = [
        Group(group.account, group.verb, group.list, tuple(task for task in group.tasks if task.event.id in ids))
        for group in groups
    ]
    return [group for group in kept if group.tasks]
