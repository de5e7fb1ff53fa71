"""When an account, or one of its lists, is left alone after a failure, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LONGEST_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent before `until` (milliseconds); then one attempt is made as a probe."""

    until: int
    since: int
    reason: str
    kind: str
    failures: int = 1


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the ledger knows of an account's health. `version` guards every change of it."""

    pause: Pause | None = None
    lists: Mapping[str, Pause] = field(default_factory=dict)
    resumed_at: int | None = None
    probe_until: int | None = None
    """A worker is probing until then at the latest."""
    version: int = 0


def backoff_seconds(failures: int, first: float, longest: float, chance: float) -> float:
    """Full jitter: `chance` (0..1) of the doubled time, never under a tenth of it so that nobody spins."""
    ceiling = min(longest, first * 2.0 ** min(failures, 40))
    return ceiling * max(0.1, chance)


def wait_seconds(failures: int, first: float, longest: float, chance: float, retry_after: float | None = None) -> float:
    """Seconds until the next attempt after `failures` earlier ones; a provider's Retry-After counts, within reason."""
    if retry_after is not None:
        return min(max(retry_after, 0.0), max(longest, LONGEST_RETRY_AFTER_SECONDS))
    return backoff_seconds(failures, first, longest, chance)


def paused_again(before: Pause | None, now: int, wait: float, reason: str, kind: str) -> Pause:
    """The pause after one more failure; `wait` in seconds."""
    until = now + int(wait * 1000)
    if before is None:
        return Pause(until=until, since=now, reason=reason, kind=kind)
    return replace(before, until=until, reason=reason, kind=kind, failures=before.failures + 1)


def is_shut(pause: Pause | None, now: int) -> bool:
    """True while nothing may be sent."""
    return pause is not None and pause.until > now


def with_pause(state: AccountState, pause: Pause, list_id: str | None) -> AccountState:
    """The state after a failure of the account, or of one of its lists."""
    if list_id is None:
        return replace(state, pause=pause, probe_until=None)
    return replace(state, lists={**state.lists, list_id: pause})


def without_pause(state: AccountState, now: int, list_id: str | None) -> AccountState:
    """The state once the account, or the list, has answered again: what waited for it may go on."""
    if list_id is None:
        return replace(state, pause=None, probe_until=None, resumed_at=now)
    return replace(state, lists={name: pause for name, pause in state.lists.items() if name != list_id}, resumed_at=now)


def may_probe(state: AccountState, now: int) -> bool:
    """True if the account is paused, its time has come and nobody is probing it yet."""
    waiting = state.pause is not None and not is_shut(state.pause, now)
    return waiting and (state.probe_until is None or state.probe_until <= now)


def probing(state: AccountState, until: int | None) -> AccountState:
    """The state while one worker probes (or, with None, once it has stopped without having asked)."""
    return replace(state, probe_until=until)
