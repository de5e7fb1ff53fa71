"""Assembles the use cases from the clients and stores of `parts`.

Each is built on first use and cached for the life of the instance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from .. import names
from ..config.load import find_path, load
from ..domain.events import Event, EventType
from ..domain.ids import new_event_id
from ..observability import event_log
from ..providers import registry
from .parts import Parts

if TYPE_CHECKING:
    from ..delivery.claims import Claims
    from ..delivery.deadline import Context
    from ..delivery.worker import Worker
    from ..jobs.runner import Syncs
    from ..reconciliation.nightly_pass import NightlyPass
    from ..reconciliation.sweep import Sweep
    from ..unsubscribe_sync.importer import ImportDependencies
    from ..web.routes.events import EventsRoutes
    from ..web.routes.forms import FormsRoutes
    from ..web.routes.statistics import StatsRoutes
    from ..web.routes.unsubscribe import UnsubscribeRoutes
    from ..web.routes.webhooks import WebhooksRoutes
    from .operators import OperatorFunctions


class Runtime(Parts):
    """The use cases of one stage and one configuration."""

    @cached_property
    def forms_routes(self) -> FormsRoutes:
        """Routes that website forms post to."""
        from ..ingestion.form_limits import FormHours
        from ..web.routes.forms import FormsRoutes

        count = FormHours(self.table).count_unsubscribe
        return FormsRoutes(self.settings, self.accept, count, self.effects.clock, self.new_id)

    @cached_property
    def webhooks_routes(self) -> WebhooksRoutes:
        """Routes that back ends post to."""
        from ..web.routes.webhooks import WebhooksRoutes

        return WebhooksRoutes(self.settings, self.accept_all, _can_sign_up, self.effects.clock)

    @cached_property
    def events_routes(self) -> EventsRoutes:
        """Routes that show events."""
        from ..ledger.event_status import EventView
        from ..web.routes.events import EventsRoutes

        view = EventView(self.table, self.accounts.read, self.effects.clock, self.remedy)
        return EventsRoutes(self.settings, view.find)

    @cached_property
    def unsubscribe_routes(self) -> UnsubscribeRoutes:
        """Routes of unsubscribe links."""
        from ..web.routes.unsubscribe import UnsubscribeRoutes

        return UnsubscribeRoutes(self.settings, lambda: self.links, self.accept, self.effects.clock, self.new_id)

    @cached_property
    def stats_routes(self) -> StatsRoutes:
        """Routes that show campaigns."""
        from ..statistics.pages import StatsReader
        from ..web.routes.statistics import StatsRoutes

        return StatsRoutes(self.settings, StatsReader(self._dynamodb, names.table(self.stage, "stats")))

    def remedy(self, account: str, may_lift: bool) -> str | None:
        """Return how to remedy a suppressed signup; `may_lift`: its intake may lift a suppression."""
        from ..operators.remedies import for_suppressed

        return for_suppressed(self.capabilities(account), may_lift=may_lift)

    def new_id(self) -> str:
        """Return a new event id."""
        return new_event_id(self.effects.clock(), self.effects.random_bytes)

    def accept(self, event: Event) -> None:
        """Store an event, then notify workers. Raises IdConflict, or LedgerUnavailable if it is not stored."""
        if self.events.store(event):
            event_log.accepted([event])
        if event.refused is None and event.held_back is None:
            self.notifier.notify(event.type, [event.id])

    def accept_all(self, events: Sequence[Event]) -> list[bool]:
        """Store events, then notify workers in few messages; for each whether it is stored (see `Batches`).

        Raises LedgerUnavailable if not all could be tried; `sweep` notifies for those stored by then.
        """
        from ..ledger.batches import Batches

        stored = Batches(self.table, self.events, self.effects.clock).store_all(events)
        enqueued: dict[EventType, dict[str, None]] = {}
        for event, is_stored in zip(events, stored, strict=True):
            if is_stored:
                enqueued.setdefault(event.type, {})[event.id] = None
        for verb, ids in enqueued.items():
            self.notifier.notify(verb, list(ids))
        return stored

    @cached_property
    def worker(self) -> Worker:
        """Handles the messages of the queue functions."""
        from ..delivery.contacts import Contacts
        from ..delivery.dispatcher import Dispatcher
        from ..delivery.worker import Worker
        from ..ingestion.accept import QueueIntake

        dispatcher = Dispatcher(
            self.claims,
            self.accounts,
            self.provider,
            self.capabilities,
            Contacts(self.settings.forms, lambda email: self.links.url(email)),
            self.settings.delivery,
            self.effects,
        )
        return Worker(
            table=self.table,
            events=self.events,
            words=self.words,
            intake=QueueIntake(self.settings, self.events, _can_sign_up, self.effects.clock),
            dispatcher=dispatcher,
            notifier=self.notifier,
            notify_again=self.sweeper.enqueue_account,
            sync=lambda tasks, deadline: self.syncs.run(tasks, deadline),
            effects=self.effects,
        )

    @cached_property
    def claims(self) -> Claims:
        """Claims addresses for deliveries."""
        from ..delivery.claims import Claims
        from ..delivery.resubscription import Resubscriptions

        resubscriptions = Resubscriptions(
            self.settings.accounts, self.capabilities, self.words, self.events, self.notifier, self.effects.clock
        )
        return Claims(self.table, self.events, self.words, resubscriptions.follow, self.effects)

    @cached_property
    def syncs(self) -> Syncs:
        """Runs the syncs that events request."""
        from ..contact_import.contacts import ContactsDependencies, ContactsSync
        from ..contact_import.source import Fetcher
        from ..jobs.runner import Syncs
        from ..jobs.store import SyncStore
        from ..ledger.batches import Batches
        from ..unsubscribe_sync.on_request import RequestedSync, RequestedSyncDependencies

        store = SyncStore(self.table)
        contacts = ContactsDependencies(
            settings=self.settings,
            events=self.events,
            syncs=store,
            accounts=self.accounts,
            batches=Batches(self.table, self.events, self.effects.clock),
            notifier=self.notifier,
            provider_of=self.provider,
            digest=self._address_keys.digest,
            fetcher=Fetcher(),
            effects=self.effects,
        )
        unsubscribes = RequestedSyncDependencies(
            settings=self.settings,
            events=self.events,
            syncs=store,
            notifier=self.notifier,
            effects=self.effects,
            unsubscribe_import=self.unsubscribe_import,
        )
        return Syncs(
            self.notifier,
            {"contacts": partial(ContactsSync, contacts), "unsubscribes": partial(RequestedSync, unsubscribes)},
        )

    def sweep(self, context: Context) -> dict[str, Any]:
        """Notify workers of due deliveries, then continue the nightly pass while time is left."""
        from ..delivery.deadline import Deadline

        deadline = Deadline.of(context, self.effects.clock)
        enqueued = self.sweeper.run()["enqueued"]
        return {"enqueued": enqueued + self.nightly_pass.run(deadline)}

    @cached_property
    def nightly_pass(self) -> NightlyPass:
        """Checks and repairs the ledger, a part at a time."""
        from ..reconciliation.checkpoints import Checkpoints
        from ..reconciliation.findings import FindingStore
        from ..reconciliation.nightly_pass import NightlyPass
        from ..reconciliation.repair import Repairs

        finding_store = FindingStore(self.table, self.events)
        accounts = frozenset(self.settings.accounts)
        repairs = Repairs(accounts, self.table, self.events, finding_store, self.accounts.read, self.notifier)
        return NightlyPass(Checkpoints(self.table), finding_store, repairs, self.effects)

    def sync_unsubscribes(self, context: Context) -> dict[str, Any]:
        """Read unsubscribes from the providers and propagate them to the other accounts."""
        from ..delivery.deadline import Deadline
        from ..unsubscribe_sync.scheduled import sync_unsubscribes

        return sync_unsubscribes(self.unsubscribe_import, Deadline.of(context, self.effects.clock))

    @cached_property
    def unsubscribe_import(self) -> ImportDependencies:
        """Dependencies of reading and propagating lists of unsubscribed addresses."""
        from ..ledger.batches import Batches
        from ..unsubscribe_sync.importer import ImportDependencies
        from ..unsubscribe_sync.propagate import Ledger
        from ..unsubscribe_sync.state_store import SyncStateStore

        return ImportDependencies(
            settings=self.settings,
            store=SyncStateStore(self.table),
            accounts=self.accounts,
            keys=self._address_keys,
            ledger=Ledger(
                table=self.table,
                events=self.events,
                states=self.words,
                batches=Batches(self.table, self.events, self.effects.clock),
                notifier=self.notifier,
                digest=self._address_keys.digest,
                effects=self.effects,
            ),
            provider_of=self.provider,
            capabilities_of=self.capabilities,
        )

    @cached_property
    def sweeper(self) -> Sweep:
        """Finds due deliveries and notifies workers."""
        from ..ledger.oldest_pending import Waiting
        from ..reconciliation.sweep import Sweep

        return Sweep(
            self.settings.accounts,
            self.events,
            self.accounts,
            self.notifier,
            Waiting(self.table).oldest,
            self.settings.delivery,
            self.effects,
        )

    def collect_stats(self, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Store the figures of every account's campaigns under the schedule's hour."""
        from ..domain.times import parse_time
        from ..statistics.collect import collect
        from ..statistics.runs import LastRuns

        time = event.get("time")
        return collect(
            self.settings.accounts,
            lambda account: self.provider(account.name),
            lambda account: self.spec(account.name).capabilities,
            self.stats,
            LastRuns(self.table),
            hour=parse_time(time) if time else self.effects.clock(),
            clock=self.effects.clock,
            remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000,
        )

    @cached_property
    def operators(self) -> OperatorFunctions:
        """Functions that operators invoke by hand."""
        from .operators import OperatorFunctions

        return OperatorFunctions(self)


@cache
def runtime() -> Runtime:
    """Return the runtime of this process's environment, cached. Raises ConfigurationError."""
    return Runtime(load(find_path(os.environ), os.environ), names.stage(os.environ))


def _can_sign_up(provider: str) -> bool:
    return registry.spec(provider).capabilities.signup_batch > 0
