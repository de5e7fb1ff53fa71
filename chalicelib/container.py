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
from .config.model import MAIL_BY_SES, MailSettings
from .domain.events import EventType
from .web_container import WebContainer

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

    from .confirmation.mailing import ConfirmationMails, MailSender
    from .delivery.claims import Claims
    from .delivery.deadline import Context, Deadline
    from .delivery.worker import Worker
    from .jobs.attempt import SyncRunner
    from .reconciliation.nightly_pass import NightlyPass
    from .reconciliation.sweep import Sweep
    from .unsubscribe_sync.importer import ImportDependencies


class Container(WebContainer):
    """The provider clients, routes and use cases of one stage and one configuration."""

    def prepare(self, function: str) -> None:
        """Builds what every event of a function of `app.py` needs, and makes the first call of each of its AWS clients.

        What only some events need, such as HTML, unsubscribe links or other routes, is built by the first of them.
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

    def _mail_sender(self, name: str) -> MailSender | None:
        """Returns what sends mails for a form's `confirm`; None if nothing of that name can."""
        if name == MAIL_BY_SES:
            return self._ses
        capabilities = self.capabilities(name)
        return self.provider(name) if capabilities and capabilities.sends_mail else None

    @cached_property
    def _ses(self) -> MailSender | None:
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
        """Runs an operator's function; once for each idempotency key, if the event has one."""
        deadline = self._deadline(context)
        if not isinstance(event, Mapping) or "idempotency_key" not in event:
            return run(event, deadline)
        from .operators.once import call_once

        return call_once(self, function, event, deadline, lambda asked: run(asked, deadline))

    def sweep(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Notifies workers of due deliveries, then continues the nightly pass while time is left."""

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
        """Reads unsubscribes from the providers and propagates them to the other accounts."""
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
        """Stores the figures of every account's campaigns under the schedule's hour, and reports silent forms."""
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
        """Posts a signup through the public URL, and checks that the one before was delivered."""
        from .operators.canary import Canary, post_form

        return self._once("canary", event, context, lambda _, until: Canary(self, post_form).run())

    def call_provider(self, event: Any, context: Context) -> dict[str, Any]:
        """Makes one provider call."""
        from .operators.provider_call import ProviderCalls

        calls = ProviderCalls(self, self.provider, lambda: self.stats)
        return self._once("call_provider", event, context, lambda asked, until: calls.handle(asked, until.seconds_left))

    def report(self, context: Context) -> dict[str, Any]:
        """Counts all deliveries."""
        from .operators.report import report

        return report(self, self._deadline(context))

    def resend(self, event: Any, context: Context) -> dict[str, Any]:
        """Sends parked or refused deliveries again."""
        from .operators.resend import resend

        return self._once("resend", event, context, partial(resend, self, self.capabilities))

    def resume(self, event: Any, context: Context) -> dict[str, Any]:
        """Ends the pause of an account and tries again now."""
        from .operators.resume import resume

        return self._once("resume", event, context, partial(resume, self))

    def check(self, event: Any, context: Context) -> dict[str, Any]:
        """Asks every provider and source whether the configuration is right."""
        from .contact_import.source import Fetcher
        from .operators.check import Check

        return self._once("check", event, context, Check(self, self._connect, Fetcher(), self._sender_faults).handle)

    def audit(self, event: Any, context: Context) -> dict[str, Any]:
        """Compares the ledger's unsubscribes with those of the providers."""
        from .operators.audit import Audit

        return self._once("audit", event, context, Audit(self, self.provider, self.capabilities).handle)

    def forget(self, event: Any, context: Context) -> dict[str, Any]:
        """Unsubscribes a person from all accounts and erases their stored data."""
        from .privacy.forget import Forget

        return self._once("forget", event, context, Forget(self, self.claims, self.worker).handle)

    def export_person(self, event: Any, context: Context) -> dict[str, Any]:
        """Exports all stored data of a person."""
        from .privacy.export import export_person

        return self._once("export_person", event, context, partial(export_person, self))


@cache
def container() -> Container:
    """Returns the container of this process's environment, cached. Raises ConfigurationError."""
    check_environment(os.environ)
    return Container(load(find_path(os.environ), os.environ), names.stage(os.environ))
