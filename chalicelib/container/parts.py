"""Builds the AWS clients, the provider clients and the stores over them.

Each is built on first use and cached for the life of the instance, so that a cold start loads only what its own
function uses. `runtime` assembles the use cases from them.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import names
from ..config.model import Settings
from ..effects import Effects
from ..observability import metrics
from ..providers import registry
from ..providers.spec import Capabilities, Provider, ProviderSpec

if TYPE_CHECKING:
    from botocore.config import Config
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

    from ..ledger.accounts import AccountStore
    from ..ledger.events import EventStore
    from ..ledger.keys import AddressKeys
    from ..ledger.subscriptions import SubscriptionStore
    from ..ledger.table import Table
    from ..notification.notifier import Notifier
    from ..providers.rate_limit import Rates
    from ..providers.transport.session import Transport
    from ..statistics.store import StatsStore
    from ..unsubscribe_links.links import Links


class Parts:
    """Clients and stores of one stage and one configuration."""

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        self.settings = settings
        self.stage = stage
        self.effects = effects or Effects()
        self._providers: dict[str, Provider] = {}

    def provider(self, account: str) -> Provider:
        """Return the client of a configured account; one for the life of the instance."""
        if account not in self._providers:
            self._providers[account] = self.spec(account).connect(self.settings.accounts[account], self._transport)
        return self._providers[account]

    def capabilities(self, account: str) -> Capabilities | None:
        """Return the capabilities of an account's provider; None if the account is no longer configured."""
        return self.spec(account).capabilities if account in self.settings.accounts else None

    def spec(self, account: str) -> ProviderSpec:
        """Return the declaration of a configured account's provider."""
        return registry.spec(self.settings.accounts[account].provider)

    @cached_property
    def table(self) -> Table:
        """The ledger's table. Checks first that the address keys are those it was written with."""
        from ..ledger.address_keys import check_address_keys
        from ..ledger.table import Table

        table = Table(self._dynamodb, names.table(self.stage, "ledger"), self.effects)
        check_address_keys(table, self._address_keys)
        return table

    @cached_property
    def events(self) -> EventStore:
        """The events of the ledger."""
        from ..ledger.events import EventStore

        return EventStore(self.table, self._address_keys, timedelta(days=self.settings.privacy.keep_events_days))

    @cached_property
    def words(self) -> SubscriptionStore:
        """The subscription states of the ledger."""
        from ..ledger.subscriptions import SubscriptionStore

        return SubscriptionStore(self.table, self._address_keys)

    @cached_property
    def accounts(self) -> AccountStore:
        """The account states of the ledger."""
        from ..ledger.accounts import AccountStore

        return AccountStore(self.table)

    @cached_property
    def stats(self) -> StatsStore:
        """Writes the statistics table."""
        from ..statistics.store import StatsStore

        return StatsStore(self._dynamodb, names.table(self.stage, "stats"), self.effects)

    @cached_property
    def notifier(self) -> Notifier:
        """Notifies workers through the queues."""
        from ..notification.notifier import Notifier

        return Notifier(self._sqs, self.stage)

    @cached_property
    def links(self) -> Links:
        """Makes and reads unsubscribe links."""
        from ..unsubscribe_links.links import Links

        return Links(self.settings.unsubscribe_keys, self.settings.api.public_url or "", self.effects.random_bytes)

    @cached_property
    def _address_keys(self) -> AddressKeys:
        from ..ledger.keys import AddressKeys

        return AddressKeys([secret.reveal().encode() for secret in self.settings.privacy.address_keys])

    @cached_property
    def _transport(self) -> Transport:
        from ..providers.transport.session import Transport

        return Transport(on_call=_count_call, admit=self._admit)

    def _admit(self, account: str) -> None:
        """Take a permit where the provider limits calls. Raises ProviderError (later) when none is left."""
        limit = self.spec(account).capabilities.rate_limit
        if limit is not None:
            provider = self.settings.accounts[account].provider
            name = provider if limit.shared_by == "ip" else f"{provider}#{account}"
            self._rates.admit(name, limit.calls, limit.seconds)

    @cached_property
    def _rates(self) -> Rates:
        from ..providers.rate_limit import Rates

        return Rates(self.table, self.effects.clock)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        import boto3

        return boto3.client("dynamodb", config=_config(attempts=4, connections=32))

    @cached_property
    def _sqs(self) -> SQSClient:
        import boto3

        return boto3.client("sqs", config=_config(attempts=2, connections=10))


def _config(attempts: int, connections: int) -> Config:
    """Configure an AWS client. Without parameter validation and with a short user agent: together they take half of a
    request's client-side time; the service validates again, and so do tests.
    """
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(
        connect_timeout=2,
        read_timeout=5,
        retries=retries,
        max_pool_connections=connections,
        parameter_validation=False,
        user_agent="relais",
    )


def _count_call(label: str, account: str, seconds: float, outcome: str) -> None:
    metrics.count("provider_calls", account=account)
    metrics.seconds("provider_seconds", seconds, account=account)
    if outcome != "ok":
        metrics.count("provider_failures", account=account)
