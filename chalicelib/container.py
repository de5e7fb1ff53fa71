"""Builds the dependencies of the handlers, each on first use.

Modules are imported where they are used, and what is built is cached for the life of the instance, so that a cold start
loads only what its own function uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import names
from .config.environment import check_environment
from .config.load import find_path, load
from .config.model import MAIL_BY_SES, MailSettings, Settings
from .domain.events import EventType
from .effects import Effects
from .observability import metrics
from .providers import registry
from .providers.spec import Capabilities, Provider
from .services import Services

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

    from .confirmation.links import ConfirmationLinks
    from .confirmation.mailing import ConfirmationMails, SendsMail
    from .delivery.claims import Claims
    from .delivery.deadline import Context, Deadline
    from .delivery.worker import Worker
    from .jobs.attempt import SyncRunner
    from .ledger.event_status import EventView
    from .providers.rate_limit import RateLimiter
    from .providers.transport.session import Transport
    from .reconciliation.nightly_pass import NightlyPass
    from .reconciliation.sweep import Sweep
    from .statistics.medians import MedianStore
    from .statistics.queries import StatsReader
    from .statistics.store import StatsStore
    from .unsubscribe_links.links import Links
    from .unsubscribe_sync.importer import ImportDependencies
    from .web.routes.confirm import ConfirmRoutes
    from .web.routes.dashboard.access import DashboardAccess
    from .web.routes.dashboard.campaigns import CampaignPages
    from .web.routes.dashboard.events import EventPages
    from .web.routes.dashboard.forms import FormPages
    from .web.routes.dashboard.overview import OverviewPage
    from .web.routes.events import EventsRoutes
    from .web.routes.forms import FormsRoutes
    from .web.routes.statistics import FormStatsRoutes, StatsRoutes
    from .web.routes.unsubscribe import UnsubscribeRoutes
    from .web.routes.webhooks import WebhooksRoutes


class Container(Services):
    """The provider clients, routes and use cases of one stage and one configuration."""

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        super().__init__(settings, stage, effects)
        self._providers: dict[str, Provider] = {}

    def provider(self, account: str) -> Provider:
        """Return the client of a configured account; one for the life of the instance."""
        if account not in self._providers:
            self._providers[account] = self._connect(account)
        return self._providers[account]

    def _connect(self, account: str) -> Provider:
        """Make a new client of a configured account."""
        configured = self.settings.accounts[account]
        return registry.spec(configured.provider).connect(configured, self._transport)

    def capabilities(self, account: str) -> Capabilities | None:
        """Return the capabilities of an account's provider; None if the account is no longer configured."""
        configured = self.settings.accounts.get(account)
        return None if configured is None else registry.spec(configured.provider).capabilities

    def prepare(self, function: str) -> None:
        """Build what every event of a function of `app.py` needs, and make the first call of each of its AWS clients.

        What only some events need, such as HTML, unsubscribe links or other routes, is left to them.
        """
        match function:
            case "app":
                _ = self.events, self.subscriptions, self.forms_routes
                import_module("multipart")  # reads the body of any form
                self.address_key_check.look()
                self.notifier.connect(EventType.SIGNUP)
            case "signups" | "unsubscribes" | "syncs":
                _ = self.worker, self.subscriptions, self.notifier
                self.address_key_check.look()
                self._connect_all(lambda able: function != "signups" or able.signup_batch > 0)
            case "sweep":
                _ = self.sweeper, self.nightly_pass
                self.address_key_check.look()
            case "collect_stats":
                from .statistics import collect, silent_forms

                _ = self.table, self.stats, self._medians, self.counts, collect, silent_forms
                self._connect_all(lambda able: able.statistics != "none")
            case "sync_unsubscribes":
                from .unsubscribe_sync import scheduled

                _ = self.unsubscribe_import, scheduled
                self.address_key_check.look()
                self._connect_all(lambda able: able.reads_unsubscribes)
            case _:
                _ = self._dynamodb

    def _connect_all(self, wanted: Callable[[Capabilities], bool]) -> None:
        for name in self.settings.accounts:
            able = self.capabilities(name)
            if able is not None and wanted(able):
                self.provider(name)

    @cached_property
    def _transport(self) -> Transport:
        from .providers.transport.session import Transport

        return Transport(on_call=_count_call, admit=self._admit)

    def _admit(self, account: str) -> None:
        """Take a permit where the provider limits calls. Raises ProviderError (later) when none is left."""
        provider = self.settings.accounts[account].provider
        limit = registry.spec(provider).capabilities.rate_limit
        if limit is not None:
            name = provider if limit.shared_by == "ip" else f"{provider}#{account}"
            self._rates.admit(name, limit.calls, limit.seconds)

    @cached_property
    def _rates(self) -> RateLimiter:
        from .providers.rate_limit import RateLimiter

        return RateLimiter(self.table, self.effects.clock)

    @cached_property
    def stats(self) -> StatsStore:
        """Writes the statistics table."""
        from .statistics.store import StatsStore

        return StatsStore(self._dynamodb, names.table(self.stage, "stats"), self.effects)

    @cached_property
    def links(self) -> Links:
        """Makes and reads unsubscribe links."""
        from .unsubscribe_links.links import Links

        return Links(self.settings.unsubscribe_keys, self.settings.api.public_url or "", self.effects.random_bytes)

    @cached_property
    def forms_routes(self) -> FormsRoutes:
        """Routes that website forms post to."""
        from .web.routes.forms import FormsRoutes

        return FormsRoutes(self)

    @cached_property
    def webhooks_routes(self) -> WebhooksRoutes:
        """Routes that back ends post to."""
        from .web.routes.webhooks import WebhooksRoutes

        return WebhooksRoutes(self)

    @cached_property
    def events_routes(self) -> EventsRoutes:
        """Routes that show events."""
        from .web.routes.events import EventsRoutes

        return EventsRoutes(self, self._event_view)

    @cached_property
    def _event_view(self) -> EventView:
        from .ledger.event_status import EventView

        return EventView(self.table, self.accounts.read, self.effects.clock, self.remedy, self.settings)

    @cached_property
    def event_pages(self) -> EventPages:
        """The dashboard's pages of events, and what they can do."""
        from .web.routes.dashboard.events import EventPages

        return EventPages(self, self.dashboard_access, self._event_view.find, self.capabilities)

    @cached_property
    def unsubscribe_routes(self) -> UnsubscribeRoutes:
        """Routes of unsubscribe links."""
        from .web.routes.unsubscribe import UnsubscribeRoutes

        return UnsubscribeRoutes(self, lambda: self.links)

    @cached_property
    def stats_routes(self) -> StatsRoutes:
        """Routes that show campaigns."""
        from .web.routes.statistics import StatsRoutes

        return StatsRoutes(self, self._stats_reader)

    @cached_property
    def form_stats_routes(self) -> FormStatsRoutes:
        """Route that shows what forms brought."""
        from .web.routes.statistics import FormStatsRoutes

        return FormStatsRoutes(self)

    @cached_property
    def _stats_reader(self) -> StatsReader:
        from .statistics.queries import StatsReader

        return StatsReader(self._dynamodb, names.table(self.stage, "stats"))

    @cached_property
    def _medians(self) -> MedianStore:
        from .statistics.medians import MedianStore

        return MedianStore(self.table, self.stats.since)

    @cached_property
    def dashboard_access(self) -> DashboardAccess:
        """Login and logout of the dashboard, and who may see its pages."""
        from .web.routes.dashboard.access import DashboardAccess

        return DashboardAccess(self)

    @cached_property
    def overview_page(self) -> OverviewPage:
        """The dashboard's first page."""
        from .web.routes.dashboard.overview import OverviewPage

        return OverviewPage(self, self.dashboard_access, self._stats_reader, self.capabilities)

    @cached_property
    def form_pages(self) -> FormPages:
        """The dashboard's pages of forms."""
        from .web.routes.dashboard.forms import FormPages

        return FormPages(self, self.dashboard_access)

    @cached_property
    def campaign_pages(self) -> CampaignPages:
        """The dashboard's pages of campaigns."""
        from .web.routes.dashboard.campaigns import CampaignPages

        return CampaignPages(self, self.dashboard_access, self._stats_reader, self._medians)

    def remedy(self, account: str, may_lift_suppression: bool) -> str | None:
        """Return how to remedy a suppressed signup; `may_lift_suppression`: its intake may lift a suppression."""
        from .operators.suppressed_signups import remedy

        return remedy(self.capabilities(account), may_lift_suppression=may_lift_suppression)

    @cached_property
    def worker(self) -> Worker:
        """Handles the messages of the queue functions."""
        from .delivery.dispatcher import Dispatcher
        from .delivery.worker import Worker

        return Worker(
            self,
            Dispatcher(self, self.claims, self.provider, self.capabilities, self.links.url),
            notify_again=self.sweeper.enqueue_account,
            sync=lambda tasks, deadline: self.syncs.run(tasks, deadline),
            confirm=lambda stored, deadline: self.confirmation_mails.apply(stored, deadline),
        )

    @cached_property
    def confirmation_mails(self) -> ConfirmationMails:
        """Sends confirmation mails."""
        from .confirmation.mailing import ConfirmationMails

        return ConfirmationMails(self, self._mail_sender, self.confirmation_links.url)

    def _mail_sender(self, name: str) -> SendsMail | None:
        """Return what sends mails for a form's `confirm`; None if nothing of that name can."""
        if name == MAIL_BY_SES:
            return self._ses
        capabilities = self.capabilities(name)
        return self.provider(name) if capabilities and capabilities.sends_mail else None

    @cached_property
    def _ses(self) -> SendsMail | None:
        if self.settings.mail is None:
            return None
        from .confirmation.ses import SesSender

        return SesSender(self._ses_client(self.settings.mail), self.settings.mail)

    def _sender_faults(self) -> tuple[list[tuple[str, str]], list[str]]:
        if self.settings.mail is None:
            return [], []
        from .confirmation.ses import sender_faults

        return sender_faults(self._ses_client(self.settings.mail), self.settings.mail)

    def _ses_client(self, mail: MailSettings) -> SESV2Client:
        from . import aws
        from .confirmation.ses import CLIENT

        client: SESV2Client = aws.client("sesv2", region_name=mail.ses_region, **CLIENT)
        return client

    @cached_property
    def confirmation_links(self) -> ConfirmationLinks:
        """Makes and reads the links of confirmation mails."""
        from .confirmation.links import ConfirmationLinks

        keys, public_url = self.settings.unsubscribe_keys, self.settings.api.public_url or ""
        return ConfirmationLinks(keys, public_url, self.effects.random_bytes)

    @cached_property
    def confirm_routes(self) -> ConfirmRoutes:
        """Routes of confirmation links."""
        from .web.routes.confirm import ConfirmRoutes

        return ConfirmRoutes(self, lambda: self.confirmation_links, self.capabilities)

    @cached_property
    def claims(self) -> Claims:
        """Claims addresses for deliveries."""
        from .delivery.claims import Claims

        return Claims(self, self.capabilities)

    @cached_property
    def syncs(self) -> SyncRunner:
        """Runs the syncs that events request."""
        from .contact_import.contacts import ContactsSync
        from .contact_import.source import Fetcher
        from .jobs.attempt import SyncRunner
        from .unsubscribe_sync.on_request import RequestedSync

        def deliver(event_ids: Iterable[str], deadline: Deadline) -> None:
            self.worker.deliver(event_ids, deadline)

        contacts = partial(ContactsSync, self, self.provider, Fetcher(), deliver)
        unsubscribes = partial(RequestedSync, self.unsubscribe_import)
        return SyncRunner(self, {"contacts": contacts, "unsubscribes": unsubscribes})

    def _deadline(self, context: Context) -> Deadline:
        from .delivery.deadline import Deadline

        return Deadline.of(context, self.effects.clock)

    def _once(
        self, function: str, event: Any, context: Context, run: Callable[[Any, Deadline], dict[str, Any]]
    ) -> dict[str, Any]:
        """Run an operator's function; once for each idempotency key, if the event has one."""
        deadline = self._deadline(context)
        if not isinstance(event, Mapping) or "idempotency_key" not in event:
            return run(event, deadline)
        from .operators.once import call_once

        return call_once(self, function, event, deadline, lambda asked: run(asked, deadline))

    def sweep(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Notify workers of due deliveries, then continue the nightly pass while time is left."""

        def run(_: Any, deadline: Deadline) -> dict[str, Any]:
            enqueued = self.sweeper.run()["enqueued"]
            return {"enqueued": enqueued + self.nightly_pass.run(deadline)}

        return self._once("sweep", event, context, run)

    @cached_property
    def nightly_pass(self) -> NightlyPass:
        """Checks and repairs the ledger, a part at a time."""
        from .reconciliation.nightly_pass import NightlyPass

        return NightlyPass(self)

    def sync_unsubscribes(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Read unsubscribes from the providers and propagate them to the other accounts."""
        from .unsubscribe_sync.scheduled import sync_unsubscribes

        def run(_: Any, deadline: Deadline) -> dict[str, Any]:
            return sync_unsubscribes(self.unsubscribe_import, deadline)

        return self._once("sync_unsubscribes", event, context, run)

    @cached_property
    def unsubscribe_import(self) -> ImportDependencies:
        """Dependencies of reading and propagating lists of unsubscribed addresses."""
        from .unsubscribe_sync.importer import ImportDependencies

        return ImportDependencies(self, self.provider, self.capabilities)

    @cached_property
    def sweeper(self) -> Sweep:
        """Finds due deliveries and notifies workers."""
        from .reconciliation.sweep import Sweep

        return Sweep(self)

    def collect_stats(self, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Store the figures of every account's campaigns under the schedule's hour, and look for silent forms."""
        from .domain.times import parse_time
        from .statistics.collect import collect
        from .statistics.silent_forms import watch_forms

        def run(asked: Any, _: Deadline) -> dict[str, Any]:
            watch_forms(self)
            time = asked.get("time")
            return collect(
                self,
                self.stats,
                self.provider,
                self.capabilities,
                hour=parse_time(time) if time else self.effects.clock(),
                remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000,
                refresh_medians=self._medians.refresh,
            )

        return self._once("collect_stats", event, context, run)

    def canary(self, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Post a signup through the public URL, and look whether the one before was delivered."""
        from .operators.canary import Canary, post_form

        return self._once("canary", event, context, lambda _, until: Canary(self, post_form).run())

    def call_provider(self, event: Any, context: Context) -> dict[str, Any]:
        """Make one provider call."""
        from .operators.provider_call import ProviderCalls

        calls = ProviderCalls(self, self.provider, lambda: self.stats)
        return self._once("call_provider", event, context, lambda asked, until: calls.handle(asked, until.seconds_left))

    def report(self, context: Context) -> dict[str, Any]:
        """Count all deliveries."""
        from .operators.report import report

        return report(self, self._deadline(context))

    def resend(self, event: Any, context: Context) -> dict[str, Any]:
        """Send parked or refused deliveries again."""
        from .operators.resend import resend

        return self._once("resend", event, context, partial(resend, self, self.capabilities))

    def resume(self, event: Any, context: Context) -> dict[str, Any]:
        """End the pause of an account and try again now."""
        from .operators.resume import resume

        return self._once("resume", event, context, partial(resume, self))

    def check(self, event: Any, context: Context) -> dict[str, Any]:
        """Ask every provider and source whether the configuration is right."""
        from .contact_import.source import Fetcher
        from .operators.check import Check

        return self._once("check", event, context, Check(self, self._connect, Fetcher(), self._sender_faults).handle)

    def audit(self, event: Any, context: Context) -> dict[str, Any]:
        """Compare the ledger's unsubscribes with those of the providers."""
        from .operators.audit import Audit

        return self._once("audit", event, context, Audit(self, self.provider, self.capabilities).handle)

    def forget(self, event: Any, context: Context) -> dict[str, Any]:
        """Unsubscribe a person from all accounts and erase their stored data."""
        from .privacy.forget import Forget

        return self._once("forget", event, context, Forget(self, self.claims, self.worker).handle)

    def export_person(self, event: Any, context: Context) -> dict[str, Any]:
        """Export all stored data of a person."""
        from .privacy.export import export_person

        return self._once("export_person", event, context, partial(export_person, self))


@cache
def container() -> Container:
    """Return the container of this process's environment, cached. Raises ConfigurationError."""
    check_environment(os.environ)
    return Container(load(find_path(os.environ), os.environ), names.stage(os.environ))


def _count_call(label: str, account: str, seconds: float, outcome: str) -> None:
    metrics.count("provider_calls", account=account)
    metrics.seconds("provider_seconds", seconds, account=account)
    if outcome != "ok":
        metrics.count("provider_failures", account=account)
