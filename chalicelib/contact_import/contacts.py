"""Runs a sync of contacts: imports rows chunk by chunk, or has the provider fetch the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from itertools import islice

from ..config.model import Source
from ..delivery.account_state import read_state
from ..delivery.batching import Task
from ..delivery.deadline import Deadline
from ..domain import backoff
from ..domain.errors import Kind, ProviderError, RelaisError, SecretUnavailable
from ..domain.events import Event, Status
from ..domain.reasons import ReasonCode
from ..domain.texts import safe_name
from ..domain.times import epoch_milliseconds
from ..ingestion.accept import accept_all
from ..jobs.attempt import SyncAttempt
from ..jobs.errors import SyncFailed, SyncRefused
from ..jobs.store import SyncProgress
from ..providers.spec import Provider
from ..services import Services
from .rows import Row, Rows, read_csv
from .signups import Signups, address_column, inline_rows, list_columns, unproven_columns
from .source import Fetcher

CHUNK = 500
"""Rows stored and recorded together; no more are in memory."""
BAD_SHOWN = 20
"""Row numbers of bad rows that are stored."""
MOST_RESTARTS = 3
_COLUMN_WORDS = ("field", "column", "champ", "colonne", "veld")


class FileChanged(RelaisError):
    """The file differs from the one that an earlier invocation began to read."""


class OutOfTime(RelaisError):
    """The invocation is nearly over; progress is recorded and another invocation continues."""


class ContactsSync(SyncAttempt):
    """One worker's attempt at one sync, until it is done, fails or continues in another invocation."""

    def __init__(
        self,
        services: Services,
        provider_of: Callable[[str], Provider],
        fetcher: Fetcher,
        deliver: Callable[[Iterable[str], Deadline], None],
        task: Task,
        deadline: Deadline,
    ) -> None:
        super().__init__(services, task, deadline)
        self._provider_of = provider_of
        self._fetcher = fetcher
        self._deliver = deliver

    def _work(self) -> None:
        rows_before = self._progress.rows
        try:
            summary = self._sync()
        except OutOfTime:
            self._continue_later()
        except FileChanged:
            self._restart()
        except SyncRefused as error:
            self._finish(Status.REFUSED, self._reason(error), error.reason_code)
        except SyncFailed as error:
            if self._progress.rows > rows_before and not self._has_time():
                self._continue_later()  # only the end of this invocation interrupted it
            else:
                self._schedule_retry(error)
        else:
            self._finish(Status.DELIVERED, summary)

    def _sync(self) -> str:
        """Runs the sync to its end; returns the summary."""
        sync, settings = self._event.sync, self._services.settings
        if self._progress.asked:
            self._record_lost_fetch()
        if sync is None or self._account not in settings.accounts:
            raise SyncRefused("the account is not configured any more", reason_code=ReasonCode.ACCOUNT_REMOVED)
        if sync.source is None:
            return self._import(inline_rows(sync.contacts))
        source = settings.sources.get(sync.source)
        if source is None:
            raise SyncRefused("it is not configured any more")
        if source.fetch == "provider":
            return self._request_fetch(source)
        with self._fetcher.open(source, self._deadline.seconds_left) as chunks:
            return self._import(read_csv(chunks))

    def _import(self, rows: Rows) -> str:
        """Imports the rows after those of the progress.

        Raises:
            FileChanged: The rows so far are not those that the progress was recorded for.
            OutOfTime: Progress is recorded, and another invocation continues.
        """
        column = address_column(rows.columns, self._own_column)
        names = list_columns(rows.columns, self._known_columns([each for each in rows.columns if each != column]))
        signups = Signups(self._event, rows, column, self._services.address_keys.digest, names)
        digest = sha256(repr(list(rows.columns)).encode())
        self._skip(rows.rows, digest.update)
        if self._progress.rows and digest.hexdigest() != self._progress.digest:
            raise FileChanged
        while chunk := list(islice(rows.rows, CHUNK)):
            events = [signups.of(row, self._now) for row in chunk]
            if not self._progress.rows:
                self._try_columns(events, unproven_columns([each for each in rows.columns if each != column], names))
            self._store(events)
            for row in chunk:
                digest.update(_bytes(row))
            bad = [row.number for row, event in zip(chunk, events, strict=True) if event.refused is not None]
            self._save_progress(
                replace(
                    self._progress,
                    rows=self._progress.rows + len(chunk),
                    refused=self._progress.refused + len(bad),
                    bad=(*self._progress.bad, *bad)[:BAD_SHOWN],
                    digest=digest.hexdigest(),
                    failures=0,
                )
            )
            if not self._has_time():
                raise OutOfTime
        return _counts(self._progress, rows.unit)

    def _skip(self, rows: Iterator[Row], add_to_digest: Callable[[bytes], None]) -> None:
        """Reads the rows that earlier invocations stored; the claim is extended meanwhile."""
        for count, row in enumerate(islice(rows, self._progress.rows), 1):
            add_to_digest(_bytes(row))
            if count % CHUNK == 0:
                self._save_progress(self._progress)

    def _store(self, events: Sequence[Event]) -> None:
        if not all(accept_all(self._services, events)):
            raise SyncRefused("the id of a row is already stored, with other content")

    def _known_columns(self, columns: Sequence[str]) -> set[str]:
        """Returns what the forms of the same list send; if a column may be another, also what the provider says.

        A provider that cannot be asked now delays no import: then the columns go as they are written.
        """
        forms = self._services.settings.forms.values()
        known = {
            name
            for form in forms
            if (form.account, form.list) == (self._account, self._event.list)
            for name in (*form.fields.values(), form.unsubscribe_url_field)
            if name is not None
        }
        if unproven_columns(columns, list_columns(columns, known)):
            with suppress(SyncFailed, SyncRefused), self._provider() as provider:
                known |= set(provider.columns(self._event.list or "", budget=self._deadline.seconds_left))
        return known

    def _try_columns(self, events: Sequence[Event], unproven: Sequence[str]) -> None:
        """Delivers the first contact alone if the list may lack a column, so that this is said once for the whole file.

        Without an answer (the account is paused, another worker has the contact) the import goes on.

        Raises:
            SyncRefused: The provider refuses a column.
        """
        tried = (one for one in events if one.refused is None and not one.fields.keys().isdisjoint(unproven))
        first = next(tried, None)
        if first is None or len(events) == 1:
            return
        self._store([first])
        self._deliver([first.id], self._deadline)
        delivery = self._services.events.deliveries([first], self._account).get(first.id)
        reason = (delivery.reason or "").casefold() if delivery and delivery.status is Status.REFUSED else ""
        if any(word in reason for word in (*_COLUMN_WORDS, *map(str.casefold, unproven))):
            shown = ", ".join(map(safe_name, unproven))
            message = f"the list may lack a column ({shown}): {delivery.reason if delivery else reason}"
            raise SyncRefused(message, reason_code=ReasonCode.UNKNOWN_FIELD)

    def _own_column(self) -> str:
        with self._provider() as provider:
            return provider.address_field(self._event.list or "", budget=self._deadline.seconds_left)

    def _record_lost_fetch(self) -> None:
        """Records that the outcome of the last request is unknown. Raises SyncFailed after the last such attempt.

        Called before anything can end this attempt, such as a paused account: every end takes the outcome as recorded.
        """
        self._record_unknown_outcome()
        self._services.events.postpone(self._event, self._delivery, self._deadline.lease_until, self._now)
        self._progress = replace(self._progress, asked=False)
        if self._delivery.unknown_attempts >= self._services.settings.delivery.unknown_attempts:
            raise SyncFailed("no outcome was recorded", reason_code=ReasonCode.OUTCOME_UNKNOWN)

    def _request_fetch(self, source: Source) -> str:
        """Records the request, then has the provider fetch the file; every attempt may add its rows again."""
        with self._provider() as provider:
            self._save_progress(replace(self._progress, asked=True), until=self._deadline.lease_until)
            try:
                provider.fetch_list(self._event.list or "", source.url, budget=self._deadline.seconds_left)
            except (ProviderError, SecretUnavailable) as error:
                unknown = isinstance(error, ProviderError) and error.kind is Kind.UNKNOWN
                self._progress = replace(self._progress, asked=unknown)
                raise
        return "fetched by the provider itself"

    @contextmanager
    def _provider(self) -> Iterator[Provider]:
        """Yields the provider and translates its errors, which affect this sync only and do not pause the account.

        Raises SyncFailed at once while the account is paused.
        """
        pause, now = read_state(self._services, self._account).pause, epoch_milliseconds(self._now)
        if pause is not None and backoff.is_open(pause, now):
            code = pause.reason_code or ReasonCode.PROVIDER_DOWN
            raise SyncFailed(pause.reason, retry_after=(pause.until - now) / 1000, reason_code=code)
        try:
            yield self._provider_of(self._account)
        except SecretUnavailable as error:
            raise SyncFailed(str(error), reason_code=ReasonCode.SECRET_UNAVAILABLE) from None
        except ProviderError as error:
            code = error.reason_code
            if error.kind in (Kind.CALLER, Kind.CONTACT):
                raise SyncRefused(error.message, reason_code=code) from None
            unknown = error.kind is Kind.UNKNOWN
            wait = error.retry_after
            raise SyncFailed(error.message, retry_after=wait, unknown=unknown, reason_code=code) from None

    def _restart(self) -> None:
        if self._progress.restarts >= MOST_RESTARTS:
            reason = self._reason("the file is a different one each time it is read")
            self._finish(Status.REFUSED, reason, ReasonCode.SOURCE_REFUSED)
            return
        self._progress = SyncProgress(failures=self._progress.failures, restarts=self._progress.restarts + 1)
        self._schedule_retry(SyncFailed("the file changed while it was being read; the import starts again"))

    def _finish(self, status: Status, reason: str, code: ReasonCode | None = None) -> bool:
        ended = super()._finish(status, reason, code)
        if ended and status is Status.DELIVERED and self._event.sync and self._event.sync.contacts:
            self._syncs.remove_contacts(self._event)
        return ended

    def _reason(self, why: object) -> str:
        source = self._event.sync.source if self._event.sync else None
        return super()._reason(f"source {source}: {why}" if source else why)

    def _progress_text(self) -> str:
        return _counts(self._progress, "row") if self._progress.rows else ""


def _counts(progress: SyncProgress, unit: str) -> str:
    """Summarises the rows so far, with the numbers of the first bad ones."""
    summary = f"held {progress.rows - progress.refused}, refused {progress.refused}"
    if not progress.bad:
        return summary
    more = ", …" if progress.refused > len(progress.bad) else ""
    plural = "s" if len(progress.bad) > 1 else ""
    return f"{summary} ({unit}{plural} {', '.join(map(str, progress.bad))}{more})"


def _bytes(row: Row) -> bytes:
    return repr(row).encode("utf-8", "surrogatepass")
