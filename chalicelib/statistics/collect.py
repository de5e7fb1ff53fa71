"""Reads the campaigns of all accounts and stores the figures that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..domain.errors import ProviderError, RelaisError
from ..ledger.batched_reads import BATCH_GET_LIMIT
from ..observability import ContextPool, log_context, logger, metrics, redact, until_time_is_up
from .last_runs import LastRuns
from .reading_schedule import known_campaigns
from .snapshots import snapshot_from
from .store import StatsStore

if TYPE_CHECKING:
    from ..providers.spec import CampaignFigures, Capabilities, KnownCampaign, Provider
    from ..services import Services

WRITERS = 16
"""Concurrent writes for all accounts together; the DynamoDB client needs as many connections."""
RESERVE_SECONDS = 5.0
"""Time reserved at the end of a run for writing the last batch and answering."""

OUT_OF_TIME = "the time of this run was up; the next one goes on"


@dataclass(slots=True)
class CollectOutcome:
    """The result of one account: campaigns read, snapshots written, the error (without addresses or secrets)."""

    read: int = 0
    written: int = 0
    error: str | None = None


def collect(
    services: Services,
    stats: StatsStore,
    provider_of: Callable[[str], Provider],
    capabilities_of: Callable[[str], Capabilities | None],
    *,
    hour: datetime,
    remaining_seconds: Callable[[], float],
    refresh_medians: Callable[[str, datetime], object] = lambda account, now: None,
) -> dict[str, Any]:
    """Reads every account whose provider has statistics, concurrently; `hour` is the schedule's time (aware).

    `refresh_medians` is called for each account that was read, with the time; it raises `StatsUnavailable`.

    A failing account gets an `error` and does not affect the others. When time is nearly up, a run stops between two
    batches: what was written stays, and the next run writes the rest. Returns `{"accounts": {name: {"read",
    "written", "error"}}}`; raises no errors of a provider or of AWS.
    """
    kinds = {name: one.statistics for name in services.settings.accounts if (one := capabilities_of(name)) is not None}
    per_campaign = frozenset(name for name, kind in kinds.items() if kind == "per_campaign")
    outcomes = {name: CollectOutcome(error=OUT_OF_TIME) for name, kind in kinds.items() if kind != "none"}
    pool = ContextPool(WRITERS, thread_name_prefix="stats")
    runs = LastRuns(services.table)
    run = _CollectRun(services, stats, runs, provider_of, per_campaign, pool, hour, remaining_seconds, refresh_medians)
    try:
        until_time_is_up(
            [partial(run.collect, name, outcome) for name, outcome in outcomes.items()],
            lambda: remaining_seconds() - RESERVE_SECONDS / 2,
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {"accounts": {name: asdict(outcome) for name, outcome in outcomes.items()}}


@dataclass(frozen=True, slots=True)
class _CollectRun:
    """What the accounts of one run share."""

    services: Services
    stats: StatsStore
    runs: LastRuns
    provider_of: Callable[[str], Provider]
    per_campaign: frozenset[str]
    """Accounts whose provider needs one call a campaign."""
    pool: ContextPool
    hour: datetime
    remaining_seconds: Callable[[], float]
    refresh_medians: Callable[[str, datetime], object]

    def collect(self, account: str, outcome: CollectOutcome) -> None:
        """Reads one account and stores its figures; every failure ends in `outcome.error`."""
        with log_context(account=account):
            outcome.error = self._failure_of(account, outcome)
            if outcome.error is None:
                self._refresh_medians(account)
            metrics.count("campaigns_read", outcome.read, account)
            metrics.count("snapshots_written", outcome.written, account)
            metrics.count("stats_failures", outcome.error is not None, account)
            self._record_age(account, good=outcome.error is None)

    def _failure_of(self, account: str, outcome: CollectOutcome) -> str | None:
        try:
            return self._read(account, outcome)
        except ProviderError as error:
            logger.warning("statistics not read", extra={"reason": error.message, "kind": error.kind.value})
            return f"{error.kind.value}: {redact(error.message)}"
        except RelaisError as error:
            logger.error("statistics not stored", extra={"reason": str(error)})
            return redact(str(error))
        except Exception as error:  # A fault in one provider's code must not stop the other accounts.
            logger.exception("statistics not read")
            return f"unexpected: {type(error).__name__}"

    def _read(self, account: str, outcome: CollectOutcome) -> str | None:
        """Reads and stores; returns the reason if it stopped before the end."""
        provider, known = self.provider_of(account), self._known(account)
        campaigns = provider.campaigns(budget=self.remaining_seconds() - RESERVE_SECONDS, known=known)
        for batch in _batches(_each_once(campaigns)):
            if self.remaining_seconds() < RESERVE_SECONDS:
                return OUT_OF_TIME
            self._store_batch(account, batch, outcome)
        return None

    def _known(self, account: str) -> Sequence[KnownCampaign]:
        """Returns known campaigns, and which are due, for a provider that needs one call a campaign."""
        if account not in self.per_campaign:
            return ()
        try:
            last_run = self.runs.last_hour(account)
        except RelaisError as error:
            # The missed hours are unknown: read everything due within a day.
            logger.warning("time of last successful run not read", extra={"reason": str(error)})
            last_run = self.hour - timedelta(days=1)
        return known_campaigns(self.stats.listed(account), self.hour, last_run)

    def _store_batch(self, account: str, batch: Sequence[CampaignFigures], outcome: CollectOutcome) -> None:
        taken_at, provider = self.services.effects.clock(), self.services.settings.accounts[account].provider
        outcome.read += len(batch)
        _report_unreadable(account, batch)
        known = self.stats.newest(account, [figures.campaign for figures in batch])
        rows = [snapshot_from(account, provider, figures, taken_at) for figures in batch]
        futures = [self.pool.submit(self.stats.record, known.get(row.campaign), row, self.hour) for row in rows]
        wait(futures)
        failures = [future.exception() for future in futures]
        outcome.written += sum(
            future.result() for future, failure in zip(futures, failures, strict=True) if not failure
        )
        for failure in filter(None, failures):
            raise failure

    def _refresh_medians(self, account: str) -> None:
        """Refreshes what the account's campaigns are compared with; a failure waits for the next run."""
        try:
            self.refresh_medians(account, self.services.effects.clock())
        except RelaisError as error:
            logger.warning("median campaign not stored", extra={"reason": str(error)})

    def _record_age(self, account: str, *, good: bool) -> None:
        """Records the time of a successful run, and measures the age of the last one."""
        now = self.services.effects.clock()
        try:
            if good:
                self.runs.record_success(account, now, self.hour)
            last = now if good else self.runs.last_good(account) or self.runs.first_tried(account, now)
        except RelaisError as error:
            # The figures are stored; the result says so, and the next run records its time.
            logger.warning("time of last successful run not stored", extra={"reason": str(error)})
            return
        metrics.seconds("stats_age_seconds", (now - last).total_seconds(), account)


def _report_unreadable(account: str, batch: Sequence[CampaignFigures]) -> None:
    """Logs figures that a provider stated and that cannot be read, by name, and counts them."""
    for figures in batch:
        if figures.unreadable:
            named = ", ".join(figures.unreadable)
            logger.warning("figures not readable", extra={"campaign": figures.campaign, "figures": named})
            metrics.count("unreadable_figures", len(figures.unreadable), account)


def _each_once(rows: Iterable[CampaignFigures]) -> Iterator[CampaignFigures]:
    """Drops repeated campaigns: one listed twice would change back and forth with every run, so the first counts."""
    seen: set[str] = set()
    for row in rows:
        if row.campaign not in seen:
            seen.add(row.campaign)
            yield row


def _batches(rows: Iterator[CampaignFigures]) -> Iterator[list[CampaignFigures]]:
    """Batches rows by the hundred. Rows before a provider's failure are yielded before it is raised."""
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
