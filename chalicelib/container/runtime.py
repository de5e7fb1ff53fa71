"""Where everything is put together: the parts on one side, the use cases on the other.

Like the parts, each use case is made when it is first needed and kept for the life of the instance.
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
    from ..unsubscribe_sync.importer import Tools as ImportTools
    from ..web.routes.events import EventsRoutes
    from ..web.routes.forms import FormsRoutes
    from ..web.routes.statistics import StatsRoutes
    from ..web.routes.unsubscribe import UnsubscribeRoutes
    from ..web.routes.webhooks import WebhooksRoutes
    from .operators import OperatorFunctions


class Runtime(Parts):
    """The product of one stage and one configuration."""

    @cached_property
    def forms_routes(self) -> FormsRoutes:
        """What website forms post to."""
        from ..ingestion.form_limits import FormHours
        from ..web.routes.forms import FormsRoutes

        count = FormHours(self.table).count_unsubscribe
        return FormsRoutes(self.settings, self.accept, count, self.effects.clock, self.new_id)

    @cached_property
    def webhooks_routes(self) -> WebhooksRoutes:
        """What back ends post to."""
        from ..web.routes.webhooks import WebhooksRoutes

        return WebhooksRoutes(self.settings, self.accept_all, _can_sign_up, self.effects.clock)

    @cached_property
    def events_routes(self) -> EventsRoutes:
        """What shows events."""
        from ..ledger.event_status import EventView
        from ..web.routes.events import EventsRoutes

        view = EventView(self.table, self.accounts.read, self.effects.clock, self.remedy)
        return EventsRoutes(self.settings, view.find)

    @cached_property
    def unsubscribe_routes(self) -> UnsubscribeRoutes:
        """What unsubscribe links lead to."""
        from ..web.routes.unsubscribe import UnsubscribeRoutes

        return UnsubscribeRoutes(self.settings, lambda: self.links, self.accept, self.effects.clock, self.new_id)

    @cached_property
    def stats_routes(self) -> StatsRoutes:
        """What shows campaigns."""
        from ..statistics.pages import StatsReader
        from ..web.routes.statistics import StatsRoutes

        return StatsRoutes(self.settings, StatsReader(self._dynamodb, names.table(self.stage, "stats")))

    def remedy(self, account: str, may_lift: bool) -> str | None:
        """What can be done for a suppressed signup at an account; `may_lift`: its door may."""
        from ..operators.remedies import for_suppressed

        return for_suppressed(self.capabilities(account), may_lift=may_lift)

    def new_id(self) -> str:
        """A fresh event id."""
        return new_event_id(self.effects.clock(), self.effects.random_bytes)

    def accept(self, event: Event) -> None:
        """Hold an event for good, then ring for it. Raises IdConflict, or LedgerUnavailable if it is not held."""
        if self.events.hold(event):
            event_log.accepted([event])
        if event.refused is None and event.held_back is None:
            self.notifier.notify(event.type, [event.id])

    def accept_all(self, events: Sequence[Event]) -> list[bool]:
        """Hold events for good, then ring for them by few messages; for each whether it is held (see `Batches`).

        Raises LedgerUnavailable if not all could be tried; sweep rings for those that are held by then.
        """
        from ..ledger.batches import Batches

        held = Batches(self.table, self.events, self.effects.clock).hold_all(events)
        enqueued: dict[EventType, dict[str, None]] = {}
        for event, is_held in zip(events, held, strict=True):
            if is_held:
                enqueued.setdefault(event.type, {})[event.id] = None
        for verb, ids in enqueued.items():
            self.notifier.notify(verb, list(ids))
        return held

    @cached_property
    def worker(self) -> Worker:
        """What the queue functions do."""
        from ..delivery.contacts import Contacts
        from ..delivery.dispatcher import Dispatcher
        from ..delivery.worker import Worker
        from ..ingestion.accept import LeaseState

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
            holder=LeaseState(self.settings, self.events, _can_sign_up, self.effects.clock),
            dispatcher=dispatcher,
            notifier=self.notifier,
            notify_again=self.sweeper.enqueue_account,
            sync=lambda tasks, deadline: self.syncs.run(tasks, deadline),
            effects=self.effects,
        )

    @cached_property
    def claims(self) -> Claims:
        """What takes addresses in hand."""
        from ..delivery.claims import Claims
        from ..delivery.resubscription import Resubscriptions

        resubscriptions = Resubscriptions(
            self.settings.accounts, self.capabilities, self.words, self.events, self.notifier, self.effects.clock
        )
        return Claims(self.table, self.events, self.words, resubscriptions.follow, self.effects)

    @cached_property
    def syncs(self) -> Syncs:
        """What makes the syncs that events ask for."""
        from ..contact_import.contacts import ContactsSync, Tools
        from ..contact_import.source import Fetcher
        from ..jobs.runner import Syncs
        from ..jobs.store import SyncStore
        from ..ledger.batches import Batches
        from ..unsubscribe_sync.on_request import AskedSync, Tools as AskedTools

        store = SyncStore(self.table)
        contacts = Tools(
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
        unsubscribes = AskedTools(
            settings=self.settings,
            events=self.events,
            syncs=store,
            notifier=self.notifier,
            effects=self.effects,
            unsubscribe_import=self.unsubscribe_import,
        )
        return Syncs(
            self.notifier,
            {"contacts": partial(ContactsSync, contacts), "unsubscribes": partial(AskedSync, unsubscribes)},
        )

    def sweep(self, context: Context) -> dict[str, Any]:
        """Ring for whatever is due, then go on with the nightly pass over the ledger while there is time."""
        from ..delivery.deadline import Deadline

        deadline = Deadline.of(context, self.effects.clock)
        enqueued = self.sweeper.run()["enqueued"]
        return {"enqueued": enqueued + self.nightly_pass.run(deadline)}

    @cached_property
    def nightly_pass(self) -> NightlyPass:
        """The nightly pass over the ledger."""
        from ..reconciliation.checkpoints import Checkpoints
        from ..reconciliation.findings import FindingStore
        from ..reconciliation.nightly_pass import NightlyPass
        from ..reconciliation.repair import Repairs

        finding_store = FindingStore(self.table, self.events)
        accounts = frozenset(self.settings.accounts)
        repairs = Repairs(accounts, self.table, self.events, finding_store, self.accounts.read, self.notifier)
        return NightlyPass(Checkpoints(self.table), finding_store, repairs, self.effects)

    def sync_unsubscribes(self, context: Context) -> dict[str, Any]:
        """Tell every account who left the others, as their providers tell it."""
        from ..delivery.deadline import Deadline
        from ..unsubscribe_sync.scheduled import sync_unsubscribes

        return sync_unsubscribes(self.unsubscribe_import, Deadline.of(context, self.effects.clock))

    @cached_property
    def unsubscribe_import(self) -> ImportTools:
        """What lists of those who left are read and told with."""
        from ..ledger.batches import Batches
        from ..unsubscribe_sync.importer import Tools
        from ..unsubscribe_sync.propagate import Ledger
        from ..unsubscribe_sync.state_store import SyncStateStore

        return Tools(
            settings=self.settings,
            store=SyncStateStore(self.table),
            accounts=self.accounts,
            keys=self._address_keys,
            ledger=Ledger(
                table=self.table,
                events=self.events,
                words=self.words,
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
        """What `sweep` does."""
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
        """Store what every account's campaigns have come to, under the hour that the schedule names."""
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
        """What operators call by hand."""
        from .operators import OperatorFunctions

        return OperatorFunctions(self)


@cache
def runtime() -> Runtime:
    """The product as this process's environment names it. Raises ConfigurationError."""
    return Runtime(load(find_path(os.environ), os.environ), names.stage(os.environ))


def _can_sign_up(provider: str) -> bool:
    return registry.spec(provider).capabilities.signup_batch > 0
