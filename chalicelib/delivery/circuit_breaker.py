"""Decides whether an account or a list may be called, and pauses or resumes it by its failures and answers."""

from __future__ import annotations

from datetime import datetime
from threading import RLock

from ..domain import backoff
from ..domain.backoff import AccountState, Pause
from ..domain.errors import Kind, ProviderError
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..observability import logger, metrics
from ..services import Services

TRIES = 3
"""Attempts at a conditional write that another worker's write made fail."""


class CircuitBreaker:
    """Reads an account's state once and writes its changes conditionally on the state they were decided on.

    Thread-safe: the concurrent calls of one account share it.
    """

    def __init__(self, services: Services, account: str) -> None:
        self.account = account
        self._services = services
        self._state = services.accounts.read(account)
        self.probing = False
        self._lock = RLock()

    def may_start(self, until: datetime) -> bool:
        """Return whether the account may be called. After its pause one worker probes it (half-open), until `until`."""
        if self._state.pause is None:
            return True
        if not backoff.may_probe(self._state, self._now):
            return False
        self.probing = self._change(backoff.probing(self._state, epoch_milliseconds(until)))
        return self.probing

    def open_pause(self, list_id: str | None = None) -> Pause | None:
        """Return the pause in force (open circuit) for the account, or for one list of it."""
        pause = self._pause_of(list_id)
        return pause if pause is not None and backoff.is_open(pause, self._now) else None

    @property
    def pause(self) -> Pause | None:
        """The account's pause, in force or waiting for a probe."""
        return self._state.pause

    @property
    def outcome_unknown(self) -> bool:
        """True while a call since the pause began may have taken effect unrecorded."""
        return self._state.pause is not None and self._state.pause.outcome_unknown

    def answered(self, list_id: str | None) -> bool:
        """End the pause of the account and of the list after a successful call; return whether there was one."""
        with self._lock:
            self.probing = False
            paused = [name for name in dict.fromkeys((None, list_id)) if self._pause_of(name) is not None]
            ended = [self._end_pause(name) for name in paused]
        return any(ended)

    def failed(self, error: ProviderError, list_id: str | None = None) -> datetime:
        """Pause the account (or the list) after `error`; return the time of the next attempt."""
        with self._lock:
            self.probing = False
            for _ in range(TRIES):
                before = self._pause_of(list_id)
                if before is not None and backoff.is_open(before, self._now):
                    return from_epoch_milliseconds(before.until)  # a concurrent call failed alike and has paused it
                pause = self._next_pause(before, error)
                if self._change(backoff.with_pause(self._state, pause, list_id)):
                    self._report(error, pause, list_id)
                    break
            return from_epoch_milliseconds(pause.until)

    def stop_probing(self) -> None:
        """Give up an unused probe, so that the next worker can take it."""
        self._change(backoff.probing(self._state, None))
        self.probing = False

    def _next_pause(self, before: Pause | None, error: ProviderError) -> Pause:
        retry_policy = self._services.settings.delivery
        wait = backoff.wait_seconds(
            before.failures if before else 0,
            retry_policy.first_retry_seconds,
            retry_policy.longest_retry_seconds,
            self._services.effects.chance(),
            error.retry_after,
        )
        return backoff.paused_again(before, self._now, wait, error.message, error.kind.value)

    def _change(self, state: AccountState) -> bool:
        written = self._services.accounts.write(self.account, self._state, state)
        self._state = written or self._services.accounts.read(self.account)
        return written is not None

    def _end_pause(self, list_id: str | None) -> bool:
        for _ in range(TRIES):
            if self._pause_of(list_id) is None:
                return False
            if self._change(backoff.without_pause(self._state, self._now, list_id)):
                logger.info("resumed", extra={"account": self.account, "list": list_id})
                return True
        return False

    def _pause_of(self, list_id: str | None) -> Pause | None:
        return self._state.lists.get(list_id) if list_id else self._state.pause

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
