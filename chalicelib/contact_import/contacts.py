"""Runs a sync of contacts: imports rows or has the provider fetch the file, and writes the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ..config.model import Settings, Source
from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import Kind, ProviderError, SecretUnavailable
from ..domain.events import Event, EventType, Status
from ..domain.times import epoch_milliseconds
from ..effects import Effects
from ..jobs.attempt import SHORTEST_SECONDS, Attempt
from ..jobs.errors import FileChanged, OutOfTime, SyncRefused, SyncTrouble
from ..jobs.store import Progress, SyncStore
from ..ledger.accounts import AccountStore
from ..ledger.batches import Batches
from ..ledger.events import EventStore
from ..notification.notifier import Notifier
from ..providers.spec import Provider
from .rows import Rows, read_csv
from .runner import Import
from .signups import Signups, address_column, inline_rows
from .source import Fetcher

T = TypeVar("T")
MOST_RESTARTS = 3
FETCHED_ELSEWHERE = "fetched by the provider itself"


@dataclass(frozen=True, slots=True)
class ContactsDependencies:
    """Dependencies of contact syncs. `digest` is keyed by the address keys."""

    settings: Settings
    events: EventStore
    syncs: SyncStore
    accounts: AccountStore
    batches: Batches
    notifier: Notifier
    provider_of: Callable[[str], Provider]
    digest: Callable[[bytes], str]
    fetcher: Fetcher
    effects: Effects


class ContactsSync(Attempt):
    """One worker's attempt at one sync, until it is done, fails or continues in another invocation."""

    def __init__(self, dependencies: ContactsDependencies, task: Task, deadline: Deadline) -> None:
        super().__init__(dependencies, task, deadline)
        self._dependencies = dependencies
        self._begun_at = 0

    def _come_to_something(self) -> None:
        self._begun_at = self._progress.rows
        try:
            summary = self._sync()
        except OutOfTime:
            self._go_on_later()
        except FileChanged:
            self._restart()
        except SyncRefused as error:
            self._finish(Status.REFUSED, self._words(error))
        except SyncTrouble as error:
            if self._progress.rows > self._begun_at and not self._still_time():
                self._go_on_later()  # only the end of this invocation interrupted it
            else:
                self._put_off(error)
        else:
            self._finish(Status.DELIVERED, summary)

    def _sync(self) -> str:
        """Run the sync to its end; returns the summary."""
        sync, settings = self._event.sync, self._dependencies.settings
        if sync is None or self._account not in settings.accounts:
            raise SyncRefused("the account is not configured any more")
        if sync.source is None:
            return self._import(inline_rows(sync.contacts))
        source = settings.sources.get(sync.source)
        if source is None:
            raise SyncRefused("it is not configured any more")
        if source.fetch == "provider":
            return self._request_fetch(source)
        with self._dependencies.fetcher.open(source, self._deadline.seconds_left) as chunks:
            return self._import(read_csv(chunks))

    def _import(self, rows: Rows) -> str:
        column = address_column(rows.columns, self._own_column)
        signups = Signups(self._event, rows, column, self._dependencies.digest)
        row_import = Import(self._store, self._note, self._still_time, self._dependencies.effects.clock)
        return counts(row_import.run(rows, signups, self._progress), rows.unit)

    def _store(self, events: Sequence[Event]) -> None:
        if not all(self._dependencies.batches.store_all(events)):
            raise SyncRefused("the id of a row is held already, with other content")
        good = dict.fromkeys(event.id for event in events if event.refused is None)
        if good:
            self._dependencies.notifier.notify(EventType.SIGNUP, list(good))

    def _own_column(self) -> str:
        self._check_pause()
        list_id = self._event.list or ""
        return self._ask(lambda provider, budget: provider.address_field(list_id, budget=budget))

    def _request_fetch(self, source: Source) -> str:
        """Record the request, then have the provider fetch the file."""
        self._check_pause()
        if self._progress.asked:
            self._delivery = replace(self._delivery, unknown_outcome=True)
        self._note(replace(self._progress, asked=True), until=self._deadline.lease_until)
        list_id = self._event.list or ""
        try:
            self._ask(lambda provider, budget: provider.fetch_list(list_id, source.url, budget=budget))
        finally:
            self._progress = replace(self._progress, asked=False)
        return FETCHED_ELSEWHERE

    def _check_pause(self) -> None:
        """Wait while the account's circuit breaker is open."""
        pause, now = self._dependencies.accounts.read(self._account).pause, epoch_milliseconds(self._now)
        if pause is not None and backoff.is_open(pause, now):
            raise SyncTrouble(pause.reason, retry_after=(pause.until - now) / 1000)

    def _ask(self, call: Callable[[Provider, float], T]) -> T:
        """Call the provider. Errors affect this sync only: they do not open the account's circuit breaker."""
        try:
            return call(self._dependencies.provider_of(self._account), self._deadline.seconds_left)
        except SecretUnavailable as error:
            raise SyncTrouble(str(error)) from None
        except ProviderError as error:
            if error.kind in (Kind.CALLER, Kind.CONTACT):
                raise SyncRefused(error.message) from None
            unknown = error.kind is Kind.UNKNOWN
            raise SyncTrouble(error.message, retry_after=error.retry_after, unknown=unknown) from None

    def _restart(self) -> None:
        if self._progress.restarts >= MOST_RESTARTS:
            self._finish(Status.REFUSED, self._words("the file is another one every time it is read"))
            return
        self._progress = Progress(failures=self._progress.failures, restarts=self._progress.restarts + 1)
        self._put_off(SyncTrouble("the file was changed while it was read, which begins anew"))

    def _finish(self, status: Status, reason: str) -> bool:
        ended = super()._finish(status, reason)
        if ended and status is Status.DELIVERED and self._event.sync and self._event.sync.contacts:
            self._dependencies.syncs.forget_contacts(self._event)
        return ended

    def _words(self, why: object) -> str:
        source = self._event.sync.source if self._event.sync else None
        return super()._words(f"source {source}: {why}" if source else why)

    def _so_far(self) -> str:
        return counts(self._progress, "row") if self._progress.rows else ""

    def _still_time(self) -> bool:
        return self._deadline.seconds_left >= SHORTEST_SECONDS


def counts(progress: Progress, unit: str) -> str:
    """Summarise the rows so far, with the numbers of the first bad ones."""
    summary = f"held {progress.rows - progress.refused}, refused {progress.refused}"
    if not progress.bad:
        return summary
    more = ", …" if progress.refused > len(progress.bad) else ""
    plural = "s" if len(progress.bad) > 1 else ""
    return f"{summary} ({unit}{plural} {', '.join(map(str, progress.bad))}{more})"
