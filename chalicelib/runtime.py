"""Where everything is put together: the configuration, AWS and the effects on one side, the use cases on the other.

Each part is made when it is first needed and kept for the life of the instance, so that a cold start pays only for what
its own function uses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from . import names
from .config.load import find_path, load
from .config.model import Settings
from .core.events import Event, EventType
from .core.ids import new_event_id
from .effects import Effects
from .observability import metrics, trail
from .providers import registry
from .providers.base import Capabilities, Provider, ProviderSpec

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

    from .delivery.deadline import Context
    from .delivery.doorbell import Doorbell
    from .delivery.hand import Hands
    from .delivery.patrol import Patrol
    from .delivery.sweep import Sweep
    from .delivery.worker import Worker
    from .ledger.accounts import AccountStore
    from .ledger.events import EventStore
    from .ledger.keys import AddressKeys
    from .ledger.rates import Rates
    from .ledger.table import Table
    from .ledger.words import WordStore
    from .operators.desk import Desk
    from .providers.transport import Transport
    from .stats.store import StatsStore
    from .syncs.leavers import Tools as LeaverTools
    from .syncs.runner import Syncs
    from .unsubscribe.links import Links
    from .web.api import Api


class Runtime:
    """The product of one stage and one configuration."""

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        self.settings = settings
        self.stage = stage
        self.effects = effects or Effects()
        self._providers: dict[str, Provider] = {}

    @cached_property
    def api(self) -> Api:
        """The HTTP side."""
        from .ledger.form_hours import FormHours
        from .ledger.view import EventView
        from .stats.pages import StatsReader
        from .web.api import Api

        view = EventView(self.table, self.accounts.read, self.effects.clock, self.remedy)
        return Api(
            self.settings,
            accept=self.accept,
            accept_all=self.accept_all,
            count_unsubscribe=FormHours(self.table).count_unsubscribe,
            find_event=view.find,
            can_sign_up=_can_sign_up,
            campaigns=StatsReader(self._dynamodb, names.table(self.stage, "stats")),
            links=lambda: self.links,
            clock=self.effects.clock,
            new_id=self.new_id,
        )

    def remedy(self, account: str, may_lift: bool) -> str | None:
        """What can be done for a suppressed signup at an account; `may_lift`: its door may."""
        from .operators.remedies import for_suppressed

        return for_suppressed(self.capabilities(account), may_lift=may_lift)

    def new_id(self) -> str:
        """A fresh event id."""
        return new_event_id(self.effects.clock(), self.effects.random_bytes)

    def accept(self, event: Event) -> None:
        """Hold an event for good, then ring for it. Raises IdConflict, or LedgerUnavailable if it is not held."""
        if self.events.hold(event):
            trail.accepted([event])
        if event.refused is None and event.held_back is None:
            self.doorbell.ring(event.type, [event.id])

    def accept_all(self, events: Sequence[Event]) -> list[bool]:
        """Hold events for good, then ring for them by few messages; for each whether it is held (see `Batches`).

        Raises LedgerUnavailable if not all could be tried; sweep rings for those that are held by then.
        """
        from .ledger.batches import Batches

        held = Batches(self.table, self.events, self.effects.clock).hold_all(events)
        rung: dict[EventType, dict[str, None]] = {}
        for event, is_held in zip(events, held, strict=True):
            if is_held:
                rung.setdefault(event.type, {})[event.id] = None
        for verb, ids in rung.items():
            self.doorbell.ring(verb, list(ids))
        return held

    @cached_property
    def worker(self) -> Worker:
        """What the queue functions do."""
        from .delivery.contacts import Contacts
        from .delivery.engine import Engine
        from .delivery.worker import Worker
        from .intake.holding import Holder

        engine = Engine(
            self.hands,
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
            holder=Holder(self.settings, self.events, _can_sign_up, self.effects.clock),
            engine=engine,
            doorbell=self.doorbell,
            ring_again=self.sweeper.ring_account,
            sync=lambda tasks, deadline: self.syncs.run(tasks, deadline),
            effects=self.effects,
        )

    @cached_property
    def hands(self) -> Hands:
        """What takes addresses in hand."""
        from .delivery.comebacks import Comebacks
        from .delivery.hand import Hands

        comebacks = Comebacks(
            self.settings.accounts, self.capabilities, self.words, self.events, self.doorbell, self.effects.clock
        )
        return Hands(self.table, self.events, self.words, comebacks.follow, self.effects)

    @cached_property
    def syncs(self) -> Syncs:
        """What makes the syncs that events ask for."""
        from .ledger.batches import Batches
        from .ledger.syncs import SyncStore
        from .syncs.asked import Tools as AskedTools
        from .syncs.contacts import Tools
        from .syncs.runner import Syncs
        from .syncs.source import Fetcher

        store = SyncStore(self.table)
        return Syncs(
            Tools(
                settings=self.settings,
                events=self.events,
                syncs=store,
                accounts=self.accounts,
                batches=Batches(self.table, self.events, self.effects.clock),
                doorbell=self.doorbell,
                provider_of=self.provider,
                digest=self._address_keys.digest,
                fetcher=Fetcher(),
                effects=self.effects,
            ),
            AskedTools(
                settings=self.settings,
                events=self.events,
                syncs=store,
                doorbell=self.doorbell,
                effects=self.effects,
                leavers=self.leavers,
            ),
        )

    def sweep(self, context: Context) -> dict[str, Any]:
        """Ring for whatever is due, then go on with the nightly pass over the ledger while there is time."""
        from .delivery.deadline import Deadline

        deadline = Deadline.of(context, self.effects.clock)
        rung = self.sweeper.run()["rung"]
        return {"rung": rung + self.patrol.run(deadline)}

    @cached_property
    def patrol(self) -> Patrol:
        """The nightly pass over the ledger."""
        from .delivery.mender import Mender
        from .delivery.patrol import Patrol
        from .ledger.mending import Mending
        from .ledger.patrols import PatrolStore

        mending = Mending(self.table, self.events)
        accounts = frozenset(self.settings.accounts)
        mender = Mender(accounts, self.table, self.events, mending, self.accounts.read, self.doorbell)
        return Patrol(PatrolStore(self.table), mending, mender, self.effects)

    def sync_unsubscribes(self, context: Context) -> dict[str, Any]:
        """Tell every account who left the others, as their providers tell it."""
        from .delivery.deadline import Deadline
        from .syncs.scheduled import sync_unsubscribes

        return sync_unsubscribes(self.leavers, Deadline.of(context, self.effects.clock))

    @cached_property
    def leavers(self) -> LeaverTools:
        """What lists of those who left are read and told with."""
        from .ledger.batches import Batches
        from .ledger.leavers import LeaverStore
        from .syncs.leavers import Tools
        from .syncs.telling import Ledger

        return Tools(
            settings=self.settings,
            store=LeaverStore(self.table),
            accounts=self.accounts,
            keys=self._address_keys,
            ledger=Ledger(
                table=self.table,
                events=self.events,
                words=self.words,
                batches=Batches(self.table, self.events, self.effects.clock),
                doorbell=self.doorbell,
                digest=self._address_keys.digest,
                effects=self.effects,
            ),
            provider_of=self.provider,
            capabilities_of=self.capabilities,
        )

    @cached_property
    def sweeper(self) -> Sweep:
        """What `sweep` does."""
        from .delivery.sweep import Sweep
        from .ledger.waiting import Waiting

        return Sweep(
            self.settings.accounts,
            self.events,
            self.accounts,
            self.doorbell,
            Waiting(self.table).oldest,
            self.settings.delivery,
            self.effects,
        )

    def collect_stats(self, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Store what every account's campaigns have come to, under the hour that the schedule names."""
        from .core.times import parse_time
        from .stats.collect import collect
        from .stats.runs import LastRuns

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
    def operators(self) -> Desk:
        """What operators call by hand."""
        from .operators.desk import Desk

        return Desk(self)

    def provider(self, account: str) -> Provider:
        """The client of a configured account; one for the life of the instance."""
        if account not in self._providers:
            self._providers[account] = self.spec(account).connect(self.settings.accounts[account], self._transport)
        return self._providers[account]

    def capabilities(self, account: str) -> Capabilities | None:
        """What an account's provider can do; None if the account is not configured any more."""
        return self.spec(account).capabilities if account in self.settings.accounts else None

    def spec(self, account: str) -> ProviderSpec:
        """The declaration of a configured account's provider."""
        return registry.spec(self.settings.accounts[account].provider)

    @cached_property
    def table(self) -> Table:
        """The ledger's table, once the address keys are known to be those that it was written with."""
        from .ledger.fingerprints import check_address_keys
        from .ledger.table import Table

        table = Table(self._dynamodb, names.table(self.stage, "ledger"))
        check_address_keys(table, self._address_keys)
        return table

    @cached_property
    def events(self) -> EventStore:
        """The events of the ledger."""
        from .ledger.events import EventStore

        return EventStore(self.table, self._address_keys, timedelta(days=self.settings.privacy.keep_events_days))

    @cached_property
    def words(self) -> WordStore:
        """The words of the ledger."""
        from .ledger.words import WordStore

        return WordStore(self.table, self._address_keys)

    @cached_property
    def accounts(self) -> AccountStore:
        """The account states of the ledger."""
        from .ledger.accounts import AccountStore

        return AccountStore(self.table)

    @cached_property
    def stats(self) -> StatsStore:
        """The writing side of the statistics."""
        from .stats.store import StatsStore

        return StatsStore(self._dynamodb, names.table(self.stage, "stats"), self.effects.sleep)

    @cached_property
    def doorbell(self) -> Doorbell:
        """The doorbell."""
        from .delivery.doorbell import Doorbell

        return Doorbell(self._sqs, self.stage)

    @cached_property
    def links(self) -> Links:
        """What makes and reads unsubscribe links."""
        from .unsubscribe.links import Links

        return Links(self.settings.unsubscribe_keys, self.settings.api.public_url or "", self.effects.random_bytes)

    @cached_property
    def _address_keys(self) -> AddressKeys:
        from .ledger.keys import AddressKeys

        return AddressKeys([secret.reveal().encode() for secret in self.settings.privacy.address_keys])

    @cached_property
    def _transport(self) -> Transport:
        from .providers.transport import Transport

        return Transport(on_call=_count_call, admit=self._admit)

    def _admit(self, account: str) -> None:
        """Use a permit where the account's provider limits its calls. Raises ProviderError (later) if there is none."""
        limit = self.spec(account).capabilities.rate_limit
        if limit is not None:
            provider = self.settings.accounts[account].provider
            name = provider if limit.shared_by == "ip" else f"{provider}#{account}"
            self._rates.admit(name, limit.calls, limit.seconds)

    @cached_property
    def _rates(self) -> Rates:
        from .ledger.rates import Rates

        return Rates(self.table, self.effects.clock)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        import boto3
        from botocore.config import Config

        retries: Any = {"mode": "standard", "total_max_attempts": 4}
        return boto3.client(
            "dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries=retries, max_pool_connections=32)
        )

    @cached_property
    def _sqs(self) -> SQSClient:
        import boto3
        from botocore.config import Config

        retries: Any = {"mode": "standard", "total_max_attempts": 2}
        return boto3.client("sqs", config=Config(connect_timeout=2, read_timeout=5, retries=retries))


@cache
def runtime() -> Runtime:
    """The product as this process's environment names it. Raises ConfigurationError."""
    return Runtime(load(find_path(os.environ), os.environ), names.stage(os.environ))


def _can_sign_up(provider: str) -> bool:
    return registry.spec(provider).capabilities.signup_batch > 0


def _count_call(label: str, account: str, seconds: float, outcome: str) -> None:
    metrics.count("provider_calls", account=account)
    metrics.seconds("provider_seconds", seconds, account=account)
    if outcome != "ok":
        metrics.count("provider_failures", account=account)
