"""One run over all accounts: ask each provider for its campaigns and keep what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from ..domain.errors import ProviderError, RelaisError
from ..domain.figures import Snapshot
from ..ledger.batched_reads import BATCH_GET_LIMIT
from ..observability import bound, logger, metrics, redact, with_log_context
from ..observability.threads import until_time_is_up
from .known import known_campaigns
from .normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..clock import Clock
    from ..providers.account import Account
    from ..providers.base import CampaignFigures, Capabilities, KnownCampaign, Provider

WRITERS = 16
"""Writes under way at once, for all accounts together; the DynamoDB client wants as many connections."""
RESERVE_SECONDS = 5.0
"""What is kept back of a run's time for writing the last batch and answering."""

OUT_OF_TIME = "the time of this run was up; the next one goes on"


class Store(Protocol):
    """What a run needs of the statistics table (`StatsStore`)."""

    def newest(self, account: str, campaigns: Sequence[str]) -> Mapping[str, Snapshot]:
        """What is known of the campaigns, by id."""

    def listed(self, account: str) -> Iterable[Snapshot]:
        """Every campaign of an account, its figures left out."""

    def record(self, known: Snapshot | None, row: Snapshot, hour: datetime) -> bool:
        """Keep a row if a figure changed; True if a snapshot was written."""


class Runs(Protocol):
    """Where the time of the last good run is kept (`LastRuns`)."""

    def last_good(self, account: str) -> datetime | None:
        """When the account was last read without an error."""

    def last_hour(self, account: str) -> datetime | None:
        """The schedule's time of that run."""

    def first_tried(self, account: str, at: datetime) -> datetime:
        """When an account without a good run was first tried; `at` if not before."""

    def record_success(self, account: str, at: datetime, hour: datetime) -> None:
        """Note a good run."""


@dataclass(slots=True)
class Outcome:
    """What became of one account: campaigns read, snapshots written, and what went wrong (no address, no secret)."""

    read: int = 0
    written: int = 0
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The account's part of the function's result."""
        return {"read": self.read, "written": self.written, "error": self.error}


def collect(
    accounts: Mapping[str, Account],
    connect_provider: Callable[[Account], Provider],
    capabilities: Callable[[Account], Capabilities],
    store: Store,
    runs: Runs,
    *,
    hour: datetime,
    clock: Clock,
    remaining_seconds: Callable[[], float],
) -> dict[str, Any]:
    """Read every account whose provider has statistics, side by side; `hour` is the schedule's time (aware).

    An account in trouble has its `error` and touches no other. When the time is nearly up a run stops between two
    batches: what was written stays, and the next run writes what is missing. Gives `{"accounts": {name: {"read",
    "written", "error"}}}`; raises nothing of a provider or of AWS.
    """
    chosen = {name: account for name, account in accounts.items() if capabilities(account).statistics != "none"}
    outcomes = {name: Outcome(error=OUT_OF_TIME) for name in chosen}
    pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="stats")
    run = _Run(connect_provider, capabilities, store, runs, pool, hour, clock, remaining_seconds)
    try:
        until_time_is_up(
            [partial(run.one, account, outcomes[name]) for name, account in chosen.items()],
            lambda: remaining_seconds() - RESERVE_SECONDS / 2,
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {"accounts": {name: outcome.as_json() for name, outcome in outcomes.items()}}


@dataclass(frozen=True, slots=True)
class _Run:
    """What the accounts of one run share."""

    connect_provider: Callable[[Account], Provider]
    capabilities: Callable[[Account], Capabilities]
    store: Store
    runs: Runs
    pool: ThreadPoolExecutor
    hour: datetime
    clock: Clock
    remaining_seconds: Callable[[], float]

    def one(self, account: Account, outcome: Outcome) -> None:
        """One account from its provider to the table; whatever goes wrong ends in `outcome.error`."""
        with bound(account=account.name):
            outcome.error = self._failure_of(account, outcome)
            metrics.count("campaigns_read", outcome.read, account.name)
            metrics.count("snapshots_written", outcome.written, account.name)
            metrics.count("stats_failures", outcome.error is not None, account.name)
            self._record_age(account.name, good=outcome.error is None)

    def _failure_of(self, account: Account, outcome: Outcome) -> str | None:
        try:
            return self._read(account, outcome)
        except ProviderError as error:
            logger.warning("statistics not read", extra={"reason": error.message, "kind": error.kind.value})
            return f"{error.kind.value}: {redact(error.message)}"
        except RelaisError as error:
            logger.error("statistics not kept", extra={"reason": str(error)})
            return redact(str(error))
        except Exception as error:  # A fault in one provider's code must not cost the other accounts their figures.
            logger.exception("statistics not read")
            return f"unexpected: {type(error).__name__}"

    def _read(self, account: Account, outcome: Outcome) -> str | None:
        """Read and keep; the reason if it stopped before the end."""
        provider = self.connect_provider(account)
        known = self._known(account)
        shown = provider.campaigns(budget=self.remaining_seconds() - RESERVE_SECONDS, known=known)
        for batch in _batches(_each_once(shown)):
            if self.remaining_seconds() < RESERVE_SECONDS:
                return OUT_OF_TIME
            self._keep(account, batch, outcome)
        return None

    def _known(self, account: Account) -> Sequence[KnownCampaign]:
        """What a provider is told that must be asked about each campaign: what there is, and what is due."""
        if self.capabilities(account).statistics != "per_campaign":
            return ()
        try:
            last_run = self.runs.last_hour(account.name)
        except RelaisError as error:
            # Nobody knows which hours were missed: whatever was due within a day is read.
            logger.warning("time of the last good run not read", extra={"reason": str(error)})
            last_run = self.hour - timedelta(days=1)
        return known_campaigns(self.store.listed(account.name), self.hour, last_run)

    def _keep(self, account: Account, batch: Sequence[CampaignFigures], outcome: Outcome) -> None:
        taken_at = self.clock()
        outcome.read += len(batch)
        known = self.store.newest(account.name, [figures.campaign for figures in batch])
        rows = [normalise(account.name, account.provider, figures, taken_at) for figures in batch]
        record = with_log_context(lambda row: self.store.record(known.get(row.campaign), row, self.hour))
        futures = [self.pool.submit(record, row) for row in rows]
        wait(futures)
        failures = [future.exception() for future in futures]
        outcome.written += sum(
            future.result() for future, failure in zip(futures, failures, strict=True) if not failure
        )
        for failure in filter(None, failures):
            raise failure

    def _record_age(self, account: str, *, good: bool) -> None:
        """Keep the time of a good run, and measure how long ago the last one was."""
        now = self.clock()
        try:
            if good:
                self.runs.record_success(account, now, self.hour)
            last = now if good else self.runs.last_good(account) or self.runs.first_tried(account, now)
        except RelaisError as error:
            # The figures are kept; that they are is said by the result, and by the next run's note.
            logger.warning("time of the last good run not kept", extra={"reason": str(error)})
            return
        metrics.seconds("stats_age_seconds", (now - last).total_seconds(), account)


def _each_once(rows: Iterable[CampaignFigures]) -> Iterator[CampaignFigures]:
    """A campaign that an answer shows twice would change back and forth with every run: the first one counts."""
    seen: set[str] = set()
    for row in rows:
        if row.campaign not in seen:
            seen.add(row.campaign)
            yield row


def _batches(rows: Iterator[CampaignFigures]) -> Iterator[list[CampaignFigures]]:
    """Rows by the hundred. What came before a provider's failure is handed on before the failure is."""
    failure: ProviderError | None = None
    while failure is None:
        batch: list[CampaignFigures] = []
        try:
            batch.extend(islice(rows, BATCH_GET_LIMIT))
        except ProviderError as error:
            failure = error
        if not batch:
            break
        yield batch
    if failure is not None:
        raise failure
