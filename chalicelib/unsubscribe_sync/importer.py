"""Imports one account's unsubscribes: reads the list, diffs it by bucket, propagates new rows to other accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..config.model import UnsubscribeSync
from ..delivery.account_state import read_state
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import Kind, LedgerUnavailable, ProviderError, SecretUnavailable
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms
from ..observability import logger
from ..providers.spec import Capabilities, Provider
from ..services import Services
from .list_reading import Snapshot, open_snapshot
from .propagate import Candidate, Propagation, usable
from .rules import Reading, UnsubscribedAddress
from .sync_state import Head, SourceState, SyncState, SyncStateStore, windows

CHUNK = 250
"""Rows looked up, stored and recorded together."""
WINDOW = 5000
"""Most new rows in the buckets that are processed together."""
BUCKETS_AT_ONCE = 256
SHORTEST_SECONDS = 10.0
"""No further work starts with less time than this."""
READING_SHARE = 0.8
"""Share of a run's time for reading; the rest is for propagating."""
EXPLAINED_MS = 30 * 60 * 1000
"""Two periods of the schedule: an earlier reading has seen what Relais sent to the account before that."""
BUSY = "another run is reading this list"

Row = tuple[int, bytes, UnsubscribedAddress]
"""A row with its bucket and its fingerprint."""


@dataclass(slots=True)
class ImportOutcome:
    """The result of one account; `error`, `kind`, `code` and `retry_after` describe a failure of its provider."""

    read: int = 0
    """Rows read."""
    written: int = 0
    """Events made."""
    skipped: int = 0
    """Rows without an address."""
    backlog: int = 0
    """New rows left to another run."""
    waiting: int = 0
    """Those of them that cannot be propagated yet."""
    error: str | None = None
    kind: Kind | None = None
    code: ReasonCode | None = None
    retry_after: float | None = None
    busy: bool = False
    was_failing: bool = False
    """True if reading the list failed before."""

    def failed(self, error: ProviderError) -> None:
        """Records why the list was not read to its end."""
        self.error = f"{error.kind.value}: {error.message}"
        self.kind, self.code, self.retry_after = error.kind, error.reason_code, error.retry_after


@dataclass(frozen=True, slots=True)
class ImportDependencies:
    """The dependencies of every import."""

    services: Services
    provider_of: Callable[[str], Provider]
    capabilities_of: Callable[[str], Capabilities | None]

    @property
    def section(self) -> UnsubscribeSync:
        """The section `[sync.unsubscribes]`; its defaults where there is none."""
        return self.services.settings.sync_unsubscribes or UnsubscribeSync((), ())


class UnsubscribeImport:
    """One run over the list of `source`, for the accounts of `propagate_to` that can receive its unsubscribes."""

    def __init__(
        self, dependencies: ImportDependencies, source: str, propagate_to: Sequence[str], deadline: Deadline
    ) -> None:
        self._services = dependencies.services
        self._provider_of = dependencies.provider_of
        self._section = dependencies.section
        self._store = SyncStateStore(self._services.table)
        self._source = source
        self._propagate_to = propagate_to
        self._targets = tuple(
            name
            for name in self._services.settings.accounts
            if name in propagate_to and _is_target(name, source, dependencies.capabilities_of(name))
        )
        self._deadline = deadline
        self._outcome = ImportOutcome()

    def run(self) -> ImportOutcome:
        """Imports as far as time and `news_per_run` allow. Raises LedgerUnavailable; stored events stay stored."""
        started = to_ms(self._now)
        missing = self._services.address_key_check.look().missing
        if missing is not None:  # rows that are known already would look new, and be propagated to all accounts
            self._outcome.failed(ProviderError(Kind.LATER, missing, reason_code=ReasonCode.ADDRESS_KEY_MISSING))
            return self._outcome
        pause = read_state(self._services, self._source).pause
        if pause is not None and backoff.is_open(pause, started):
            # The provider said when to retry, or the account's owner must act.
            wait = (pause.until - started) / 1000
            message, code = f"paused: {pause.reason}", pause.reason_code
            self._outcome.failed(ProviderError(Kind.LATER, message, retry_after=wait, reason_code=code))
        elif self._targets:
            seen = self._store.read(self._source, self._targets)
            self._outcome.was_failing = seen.failing_since is not None
            self._outcome.busy = seen.lease_until > started
            if not self._outcome.busy:
                self._read(seen, started)
        return self._outcome

    def _read(self, seen: SourceState, started: int) -> None:
        reading = Reading(started, seen_before=min(started, seen.failing_since or started) - EXPLAINED_MS)
        key, digest = self._services.address_keys.row_digest(seen.key)
        with open_snapshot(digest) as rows:
            self._fill(rows)
            self._outcome.read, self._outcome.skipped = rows.read, rows.skipped
            whole = rows.is_whole
            states = [
                SyncState(name, head, rows.buckets.changed(head.digests, whole=whole), whole=whole)
                for name, head in seen.heads.items()
            ]
            if any(state.changed or (whole and self._is_baseline(state)) for state in states):
                self._import(seen, key, rows, states, reading)

    def _fill(self, rows: Snapshot) -> None:
        try:
            provider = self._provider_of(self._source)
            rows.fill(provider.unsubscribed(budget=self._deadline.seconds_left * READING_SHARE))
            return
        except ProviderError as error:
            failure = error
        except SecretUnavailable as error:
            failure = ProviderError(Kind.ACCOUNT, str(error), reason_code=ReasonCode.SECRET_UNAVAILABLE)
        self._outcome.failed(failure)
        facts = {"reason": failure.message, "kind": failure.kind.value, "rows": rows.read}
        logger.warning("unsubscribe list read incompletely", extra=facts)

    def _import(
        self, seen: SourceState, key: str, rows: Snapshot, states: Sequence[SyncState], reading: Reading
    ) -> None:
        if not self._store.claim(self._source, seen, key, self._now, self._deadline.lease_until):
            self._outcome.busy = True
            return
        try:
            self._services.address_key_check.record_use(key)
            for state in states:
                for numbers in _parts(sorted(state.changed), BUCKETS_AT_ONCE):
                    state.compare(rows.buckets, self._store.buckets(self._source, state.name, numbers))
            self._take_baseline(rows, [state for state in states if self._is_baseline(state)])
            others = [state for state in states if not self._is_baseline(state)]
            for state in others:  # buckets that only lost rows
                state.write(self._store, self._source, state.changed - state.counts().keys(), rows.buckets)
            self._propagate_new(rows, others, reading)
            self._outcome.backlog = _count_new(states)
        finally:
            with suppress(LedgerUnavailable):
                for state in states:
                    if state.head != seen.heads[state.name]:
                        self._store.write_head(self._source, state.name, state.head)
            with suppress(LedgerUnavailable):
                self._store.release(self._source, seen)

    def _is_baseline(self, state: SyncState) -> bool:
        """Returns whether the list's current rows count as known to this account."""
        return self._section.baseline == "known" and not state.head.begun

    def _take_baseline(self, rows: Snapshot, states: Iterable[SyncState]) -> None:
        for state in states:
            for numbers in _parts(sorted(state.changed), BUCKETS_AT_ONCE):
                if not self._has_time():
                    return
                state.all_done(numbers)
                state.write(self._store, self._source, numbers, rows.buckets)
            if rows.is_whole:
                state.head = Head(state.head.digests, begun=True)

    def _propagate_new(self, rows: Snapshot, states: Sequence[SyncState], reading: Reading) -> None:
        all_accounts = {self._source, *self._propagate_to} >= set(self._services.settings.accounts)
        targets = tuple(state.name for state in states)
        propagation = Propagation(self._services, self._source, targets, all_accounts, reading)
        for window in windows(states, WINDOW):
            if not self._may_continue():
                return
            for state in states:
                state.open(window)
            self._propagate_window(rows.rows_in(window), states, propagation)
            for state in states:
                state.write(self._store, self._source, window & state.changed, rows.buckets)
                state.head = Head(state.head.digests, begun=True)

    def _propagate_window(self, rows: Iterable[Row], states: Sequence[SyncState], propagation: Propagation) -> None:
        candidates = _candidates(rows, states)
        while self._may_continue():
            chunk = list(islice(candidates, min(CHUNK, self._remaining_events)))
            if not chunk:
                return
            processed, made = propagation.propagate(one for one in chunk if usable(one.row))
            self._outcome.written += made
            unusable = [one for one in chunk if not usable(one.row)]
            self._outcome.waiting += len(chunk) - len(processed) - len(unusable)
            for one in (*processed, *unusable):
                for state in states:
                    state.done(one.bucket, one.fingerprint)

    @property
    def _remaining_events(self) -> int:
        return self._section.news_per_run - self._outcome.written

    def _may_continue(self) -> bool:
        return self._remaining_events > 0 and self._has_time()

    def _has_time(self) -> bool:
        return self._deadline.seconds_left >= SHORTEST_SECONDS

    @property
    def _now(self) -> datetime:
        return self._services.effects.clock()


def _is_target(name: str, source: str, capabilities: Capabilities | None) -> bool:
    """Returns whether to propagate to `name`; to the source itself only where it has lists."""
    return capabilities is not None and (name != source or capabilities.has_lists)


def _candidates(rows: Iterable[Row], states: Sequence[SyncState]) -> Iterator[Candidate]:
    for bucket, fingerprint, row in rows:
        targets = frozenset(state.name for state in states if state.wants(bucket, fingerprint))
        if targets:
            yield Candidate(bucket, fingerprint, row, targets)


def _count_new(states: Iterable[SyncState]) -> int:
    """Counts rows that are not yet processed for every account."""
    numbers = {number for state in states for number in state.counts()}
    return sum(len(frozenset().union(*(state.new(number) for state in states))) for number in numbers)


def _parts(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
