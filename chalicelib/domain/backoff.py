"""Computes retry delays, and the circuit breaker state of an account and its lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .errors import Kind, ProviderError
from .reasons import ReasonCode
from .repeated_refusals import RefusedAlike, without_forms

LONGEST_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Pause:
    """An open circuit breaker: nothing is sent before `until` (milliseconds); then one attempt is made as a probe."""

    until: int
    since: int
    reason: str
    kind: str
    failures: int = 1
    outcome_unknown: bool = False
    """A call since the pause began may have taken effect unrecorded: a call that changes nothing must succeed first."""
    reason_code: ReasonCode | None = None
    configuration: str | None = None
    """Fingerprint of the configuration and the secrets that the last failed call was made with."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """The circuit breakers of an account and its lists. `version` guards every change."""

    pause: Pause | None = None
    lists: Mapping[str, Pause] = field(default_factory=dict)
    resumed_at: int | None = None
    probe_until: int | None = None
    """The breaker is half-open: a worker probes until then at the latest."""
    version: int = 0
    refusals: tuple[RefusedAlike, ...] = ()
    """Signups refused in the same words since the last success of their form."""
    waived_until: int | None = None
    """Deliveries due until then waited for a pause that another configuration has ended: they are due at once."""


def backoff_seconds(failures: int, first: float, longest: float, chance: float) -> float:
    """Returns a delay in seconds with full jitter: `chance` (0 to 1) of the doubled delay, at least a tenth of it."""
    ceiling = min(longest, first * 2.0 ** min(failures, 40))
    return ceiling * max(0.1, chance)


def wait_seconds(failures: int, first: float, longest: float, chance: float, retry_after: float | None = None) -> float:
    """Returns the seconds until the next attempt after `failures` failures; honours a bounded Retry-After."""
    if retry_after is not None:
        return min(max(retry_after, 0.0), max(longest, LONGEST_RETRY_AFTER_SECONDS))
    return backoff_seconds(failures, first, longest, chance)


def paused_again(
    before: Pause | None, now: int, wait: float, error: ProviderError, configuration: str | None = None
) -> Pause:
    """Returns the pause after one more failure, `error`; `wait` is in seconds."""
    unknown = error.kind is Kind.UNKNOWN or (before is not None and before.outcome_unknown)
    return Pause(
        until=now + int(wait * 1000),
        since=before.since if before else now,
        reason=error.message,
        kind=error.kind.value,
        failures=before.failures + 1 if before else 1,
        outcome_unknown=unknown,
        reason_code=error.reason_code,
        configuration=configuration,
    )


def as_configured(state: AccountState, configuration: str | None, now: int) -> AccountState:
    """Returns the state after a change of the configuration, which may have removed the causes of earlier pauses.

    The account may be probed at once. Lists are not paused any more, since a form may name another list now.
    """
    outdated = {
        name: pause
        for name, pause in ((None, state.pause), *state.lists.items())
        if pause is not None and pause.configuration not in (None, configuration)
    }
    if not outdated:
        return state
    pause = state.pause
    if pause is not None and None in outdated:
        pause = replace(pause, until=min(pause.until, now), failures=0, configuration=configuration)
    return replace(
        state,
        pause=pause,
        lists={name: one for name, one in state.lists.items() if name not in outdated},
        waived_until=max(*(one.until for one in outdated.values()), state.waived_until or 0),
    )


def is_open(pause: Pause | None, now: int) -> bool:
    """Returns True while nothing may be sent (circuit breaker open)."""
    return pause is not None and pause.until > now


def with_pause(state: AccountState, pause: Pause, list_id: str | None) -> AccountState:
    """Returns the state after a failure of the account, or of one of its lists."""
    if list_id is None:
        return replace(state, pause=pause, probe_until=None)
    return replace(state, lists={**state.lists, list_id: pause})


def answered(state: AccountState, now: int, list_id: str | None, forms: Collection[str | None] = ()) -> AccountState:
    """Returns the state after a successful call for the list, of signups of these forms; the same if nothing changes.

    The account and the list are not paused any more: waiting deliveries may continue.
    """
    refusals = without_forms(state.refusals, list_id, forms) if list_id is not None else state.refusals
    if state.pause is None and list_id not in state.lists:
        return state if refusals == state.refusals else replace(state, refusals=refusals)
    lists = {name: pause for name, pause in state.lists.items() if name != list_id}
    probe_until = None if state.pause is not None else state.probe_until
    return replace(state, pause=None, lists=lists, probe_until=probe_until, resumed_at=now, refusals=refusals)


def may_probe(state: AccountState, now: int) -> bool:
    """Returns True if the account is paused, the pause has elapsed and no worker is probing it yet."""
    waiting = state.pause is not None and not is_open(state.pause, now)
    return waiting and (state.probe_until is None or state.probe_until <= now)


def probing(state: AccountState, until: int | None) -> AccountState:
    """Returns the state while one worker probes; with None, after it has stopped without a provider call."""
    return replace(state, probe_until=until)
