"""One account's list of those who left: read, compared with what is known of it, and told to the other accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..config.model import Settings, UnsubscribeSync
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import Kind, LedgerUnavailable, ProviderError, SecretUnavailable
from ..domain.times import epoch_milliseconds as to_ms
from ..ledger.accounts import AccountStore
from ..ledger.keys import AddressKeys
from ..observability import logger
from ..providers.base import Capabilities, Provider
from .plan import SyncState, windows
from .propagate import Candidate, Ledger, Propagation, usable
from .rules import Reading, UnsubscribedAddress
from .snapshot import Listing, listing
from .state_store import Head, Source, SyncStateStore

CHUNK = 250
"""Rows looked up, held and noted together."""
WINDOW = 5000
"""Rows that are new, of as many buckets as are looked at together."""
BUCKETS_AT_ONCE = 256
SHORTEST_SECONDS = 10.0
"""Nothing more is begun with less time than this."""
READING_SHARE = 0.8
"""How much of its time a run may spend on reading; the rest is for telling."""
EXPLAINED_MS = 30 * 60 * 1000
"""Two periods of the schedule: what Relais told an account before that, an earlier reading has seen there."""
BUSY = "another run is at it"

Row = tuple[int, bytes, UnsubscribedAddress]
"""A row with its bucket and its fingerprint."""


@dataclass(slots=True)
class Outcome:
    """What became of one account. `backlog` counts new rows that wait for another run, `waiting` those of them that
    cannot be told yet; `kind` and `retry_after` are those of a provider's failure."""

    read: int = 0
    written: int = 0
    skipped: int = 0
    backlog: int = 0
    waiting: int = 0
    error: str | None = None
    kind: Kind | None = None
    retry_after: float | None = None
    busy: bool = False
    was_failing: bool = False
    """Could the list not be read before?"""

    def failed(self, error: ProviderError) -> None:
        """Take in why the list was not read to its end."""
        self.error = f"{error.kind.value}: {error.message}"
        self.kind, self.retry_after = error.kind, error.retry_after


@dataclass(frozen=True, slots=True)
class Tools:
    """What lists are read and told with."""

    settings: Settings
    store: SyncStateStore
    accounts: AccountStore
    keys: AddressKeys
    ledger: Ledger
    provider_of: Callable[[str], Provider]
    capabilities_of: Callable[[str], Capabilities | None]

    @property
    def rules(self) -> UnsubscribeSync:
        """The section's baseline and limit; the defaults where there is no section."""
        return self.settings.sync_unsubscribes or UnsubscribeSync((), ())


class UnsubscribeImport:
    """One run over the list of `source` for the accounts of `tell`."""

    def __init__(self, tools: Tools, source: str, tell: Sequence[str], deadline: Deadline) -> None:
        self._tools = tools
        self._source = source
        self._names = tuple(name for name in tools.settings.accounts if name in tell and self._can_be_told(name))
        self._tell = tell
        self._deadline = deadline
        self._outcome = Outcome()

    def _can_be_told(self, name: str) -> bool:
        """The account itself has something to be told only where leaving one list leaves others."""
        capabilities = self._tools.capabilities_of(name)
        return capabilities is not None and (name != self._source or capabilities.has_lists)

    def run(self) -> Outcome:
        """Come as far as time and `news_per_run` allow. Raises LedgerUnavailable; what is held by then stays held."""
        self._check_pause()
        if self._outcome.error is None and self._names:
            seen = self._tools.store.read(self._source, self._names)
            self._outcome.was_failing = seen.failing_since is not None
            if seen.taken_until > to_ms(self._now):
                self._outcome.busy = True
            else:
                self._read(seen)
        return self._outcome

    def _check_pause(self) -> None:
        """A paused account is left alone: its provider has said when it may be asked again, or its owner must act."""
        pause = self._tools.accounts.read(self._source).pause
        if pause is not None and backoff.is_shut(pause, to_ms(self._now)):
            wait = (pause.until - to_ms(self._now)) / 1000
            self._outcome.failed(ProviderError(Kind.LATER, f"paused: {pause.reason}", retry_after=wait))

    def _read(self, seen: Source) -> None:
        started = to_ms(self._now)
        reading = Reading(started, seen_before=min(started, seen.failing_since or started) - EXPLAINED_MS)
        key, digest = self._tools.keys.row_digest(seen.key)
        with listing(digest) as rows:
            self._fill(rows)
            self._outcome.read, self._outcome.skipped = rows.read, rows.skipped
            whole = rows.is_whole
            sides = [
                SyncState(name, head, rows.buckets.changed(head.digests, whole=whole), whole=whole)
                for name, head in seen.heads.items()
            ]
            if any(side.changed or (whole and self._is_baseline(side)) for side in sides):
                self._work(seen, key, rows, sides, reading)

    def _fill(self, rows: Listing) -> None:
        try:
            provider = self._tools.provider_of(self._source)
            rows.fill(provider.unsubscribed(budget=self._deadline.seconds_left * READING_SHARE))
        except ProviderError as error:
            rows.error = error
        except SecretUnavailable as error:
            rows.error = ProviderError(Kind.ACCOUNT, str(error))
        if rows.error is not None:
            self._outcome.failed(rows.error)
            facts = {"reason": rows.error.message, "kind": rows.error.kind.value, "rows": rows.read}
            logger.warning("unsubscribes not read to the end", extra=facts)

    def _work(self, seen: Source, key: str, rows: Listing, sides: Sequence[SyncState], reading: Reading) -> None:
        store, now = self._tools.store, self._now
        if not store.take(self._source, seen, key, now, self._deadline.holds_end_at):
            self._outcome.busy = True
            return
        try:
            for side in sides:
                for numbers in _parts(sorted(side.changed), BUCKETS_AT_ONCE):
                    side.look(rows.buckets, store.buckets(self._source, side.name, numbers))
            self._take_as_known(rows, [side for side in sides if self._is_baseline(side)])
            news = [side for side in sides if not self._is_baseline(side)]
            self._forget_gone(rows, news)
            self._tell_news(rows, news, reading)
            self._outcome.backlog = _count_new(sides)
        finally:
            with suppress(LedgerUnavailable):
                self._write_heads(seen, sides)
            with suppress(LedgerUnavailable):
                store.give_back(self._source, seen)

    def _is_baseline(self, side: SyncState) -> bool:
        """Is what the list holds now to be taken as known to this account?"""
        return self._tools.rules.baseline == "known" and not side.head.begun

    def _take_as_known(self, rows: Listing, sides: Iterable[SyncState]) -> None:
        for side in list(sides):
            for numbers in _parts(sorted(side.changed), BUCKETS_AT_ONCE):
                if not self._still_time():
                    return
                side.all_done(numbers)
                side.write(self._tools.store, self._source, numbers, rows.buckets)
            if rows.is_whole:
                side.head = Head(side.head.digests, begun=True)

    def _forget_gone(self, rows: Listing, sides: Iterable[SyncState]) -> None:
        """Store the buckets that only lost rows."""
        for side in sides:
            side.write(self._tools.store, self._source, side.changed - side.counts().keys(), rows.buckets)

    def _tell_news(self, rows: Listing, sides: Sequence[SyncState], reading: Reading) -> None:
        accounts = tuple(self._tools.settings.accounts)
        everybody = {self._source, *self._tell} >= set(accounts)
        names = tuple(side.name for side in sides)
        propagation = Propagation(self._tools.ledger, self._source, names, accounts, everybody, reading)
        for window in windows(sides, WINDOW):
            if not self._may_go_on():
                return
            for side in sides:
                side.open(window)
            self._tell_window(rows.rows_in(window), sides, propagation)
            for side in sides:
                side.write(self._tools.store, self._source, window & side.changed, rows.buckets)
                side.head = Head(side.head.digests, begun=True)

    def _tell_window(self, rows: Iterable[Row], sides: Sequence[SyncState], propagation: Propagation) -> None:
        waiting = _candidates(rows, sides)
        while self._may_go_on():
            chunk = list(islice(waiting, min(CHUNK, self._left)))
            if not chunk:
                return
            sync_state, made = propagation.tell(one for one in chunk if usable(one.row))
            self._outcome.written += made
            unusable = [one for one in chunk if not usable(one.row)]
            self._outcome.waiting += len(chunk) - len(sync_state) - len(unusable)
            for one in (*sync_state, *unusable):
                for side in sides:
                    side.done(one.bucket, one.fingerprint)

    def _write_heads(self, seen: Source, sides: Iterable[SyncState]) -> None:
        for side in sides:
            if side.head != seen.heads[side.name]:
                self._tools.store.write_head(self._source, side.name, side.head)

    @property
    def _left(self) -> int:
        return self._tools.rules.news_per_run - self._outcome.written

    def _may_go_on(self) -> bool:
        return self._left > 0 and self._still_time()

    def _still_time(self) -> bool:
        return self._deadline.seconds_left >= SHORTEST_SECONDS

    @property
    def _now(self) -> datetime:
        return self._tools.ledger.effects.clock()


def _candidates(rows: Iterable[Row], sides: Sequence[SyncState]) -> Iterator[Candidate]:
    for bucket, fingerprint, row in rows:
        names = frozenset(side.name for side in sides if side.wants(bucket, fingerprint))
        if names:
            yield Candidate(bucket, fingerprint, row, names)


def _count_new(sides: Iterable[SyncState]) -> int:
    """Rows that are not dealt with for all accounts."""
    numbers = {number for side in sides for number in side.counts()}
    return sum(len(frozenset().union(*(side.new(number) for side in sides))) for number in numbers)


def _parts(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
