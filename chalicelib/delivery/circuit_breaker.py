"""Decides whether an account or a list may be called, and pauses or resumes it by its failures and answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from threading import RLock

from ..domain import backoff, repeated_refusals
from ..domain.backoff import AccountState, Pause
from ..domain.errors import Kind, ProviderError
from ..domain.events import Event
from ..domain.reasons import ReasonCode
from ..domain.repeated_refusals import Refusal, RefusalDecision
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..observability import logger, metrics
from ..services import Services
from .account_state import fingerprint, read_state

PERSON_LENGTH = 10
"""Digits of the keyed hash that distinguishes refused people; too few to identify anybody."""
LONGEST_REFUSAL_PAUSE = 16
"""Longest pause of a list that refuses signups, in multiples of `first_retry_seconds`: if only robots were refused,
people would wait without need."""
TRIES = 3
"""Attempts at a conditional write that fails when another worker has written first."""


class CircuitBreaker:
    """Reads an account's state once and writes its changes conditionally on the state they were decided on.

    Thread-safe: the concurrent calls of one account share it.
    """

    def __init__(self, services: Services, account: str) -> None:
        self.account = account
        self._services = services
        self._state = read_state(services, account)
        self.probing = False
        self._lock = RLock()

    def may_probe(self, until: datetime) -> bool:
        """Returns whether the paused account may be called: after its pause one worker probes it, until `until`."""
        if not backoff.may_probe(self._state, self._now):
            return False
        self.probing = self._change(backoff.probing(self._state, epoch_milliseconds(until)))
        return self.probing

    def pause_of(self, list_id: str | None) -> Pause | None:
        """Returns the pause of the account (None), or of one list of it, in force or waiting for a success."""
        return self._state.lists.get(list_id) if list_id else self._state.pause

    def is_open(self, pause: Pause) -> bool:
        """Returns whether a pause is in force: nothing may be sent."""
        return backoff.is_open(pause, self._now)

    @property
    def waived_until(self) -> datetime:
        """The end of the pauses that ended early: what waited for them is due at once."""
        return from_epoch_milliseconds(self._state.waived_until or 0)

    def answered(self, list_id: str | None, forms: Collection[str | None] = ()) -> bool:
        """Ends the pauses of the account and of the list after a successful call; returns whether there was one.

        `forms` are the forms of the signups that succeeded: their earlier refusals were the contacts' own fault.
        """
        with self._lock:
            self.probing = False
            if self._state.pause is None and not (self._state.lists or self._state.refusals):
                return False
            for _ in range(TRIES):
                after = backoff.answered(self._state, self._now, list_id, forms)
                if after == self._state:
                    return False
                paused = [name for name in (None, list_id) if self.pause_of(name) is not None]
                if self._change(after):
                    for name in paused:
                        logger.info("resumed", extra={"account": self.account, "list": name})
                    return bool(paused)
            return False

    def failed(self, error: ProviderError, list_id: str | None = None) -> datetime:
        """Pauses the account (or the list) after `error`; returns the time of the next attempt."""
        with self._lock:
            self.probing = False
            for _ in range(TRIES):
                before = self.pause_of(list_id)
                if before is not None and backoff.is_open(before, self._now):
                    return from_epoch_milliseconds(before.until)  # a concurrent call failed, too, and has paused it
                pause = self._next_pause(before, error)
                if self._change(backoff.with_pause(self._state, pause, list_id)):
                    self._report(error, pause, list_id)
                    break
            return from_epoch_milliseconds(pause.until)

    def refused(
        self,
        list_id: str,
        refused: Sequence[tuple[Event, str]],
        accepted_forms: Collection[str | None],
        *,
        list_at_fault: bool = False,
    ) -> tuple[RefusalDecision, Pause | None]:
        """Counts signups of one batch that were refused, each with its message, by one write before they are recorded.

        Return which of them are final, and the list's pause if it is paused for them.
        """
        hashed = self._services.address_keys.lasting_hash
        refusals = [Refusal(hashed(event.email)[:PERSON_LENGTH], event.form, message) for event, message in refused]
        with self._lock:
            for _ in range(TRIES):
                before = self._state.lists.get(list_id)
                decision = repeated_refusals.decide(
                    self._state.refusals,
                    list_id,
                    refusals,
                    accepted_forms,
                    self._now,
                    paused=before is not None,
                    list_at_fault=list_at_fault,
                )
                state = replace(self._state, refusals=decision.counted)
                pause: Pause | None = None
                if decision.reason is not None:
                    code = ReasonCode.LIST_REFUSES_ALL
                    error = ProviderError(Kind.ACCOUNT, decision.reason, list_only=True, reason_code=code)
                    pause = before  # a concurrent call may have paused it
                    if pause is None or not backoff.is_open(pause, self._now):
                        pause = self._next_pause(before, error, LONGEST_REFUSAL_PAUSE)
                    state = backoff.with_pause(state, pause, list_id)
                if state == self._state or self._change(state):
                    if pause is not None and pause is not before:
                        metrics.count("refused_alike", account=self.account)
                        self._report(error, pause, list_id)
                    break
            return decision, pause

    def stop_probing(self) -> None:
        """Gives up an unused probe, so that the next worker can take it."""
        self._change(backoff.probing(self._state, None))
        self.probing = False

    def _next_pause(self, before: Pause | None, error: ProviderError, longest: float = math.inf) -> Pause:
        """Returns the pause after `error`, at most `longest` times the first retry."""
        retry_policy = self._services.settings.delivery
        configuration = fingerprint(self._services, self.account)
        wait = backoff.wait_seconds(
            before.failures if before else 0,
            retry_policy.first_retry_seconds,
            min(retry_policy.longest_retry_seconds, longest * retry_policy.first_retry_seconds),
            self._services.effects.chance(),
            error.retry_after,
        )
        return backoff.paused_again(before, self._now, wait, error, configuration)

    def _change(self, state: AccountState) -> bool:
        written = self._services.accounts.write(self.account, self._state, state)
        self._state = written or read_state(self._services, self.account)
        return written is not None

    def _report(self, error: ProviderError, pause: Pause, list_id: str | None) -> None:
        metrics.count("lists_paused" if list_id else "accounts_paused", account=self.account)
        owner_must_act = error.kind is Kind.ACCOUNT
        if owner_must_act:
            metrics.count("owner_must_act", account=self.account)
        write = logger.error if owner_must_act else logger.warning
        write(
            "paused",
            extra={
                "account": self.account,
                "list": list_id,
                "kind": error.kind.value,
                "reason": error.message,
                "failures": pause.failures,
                "until": from_epoch_milliseconds(pause.until).isoformat(),
            },
        )

    @property
    def _now(self) -> int:
        return epoch_milliseconds(self._services.effects.clock())
