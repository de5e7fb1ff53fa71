"""What Relais is made of: its clients of AWS and of the providers, and the stores over them.

Each part is made when it is first needed and kept for the life of the instance, so that a cold start pays only for what
its own function uses. What is done with them is put together in `runtime`.
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
from ..providers.base import Capabilities, Provider, ProviderSpec

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
    from ..providers.transport import Transport
    from ..statistics.store import StatsStore
    from ..unsubscribe_links.links import Links


class Parts:
    """The parts of one stage and one configuration."""

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        self.settings = settings
        self.stage = stage
        self.effects = effects or Effects()
        self._providers: dict[str, Provider] = {}

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
        """The words of the ledger."""
        from ..ledger.subscriptions import SubscriptionStore

        return SubscriptionStore(self.table, self._address_keys)

    @cached_property
    def accounts(self) -> AccountStore:
        """The account states of the ledger."""
        from ..ledger.accounts import AccountStore

        return AccountStore(self.table)

    @cached_property
    def stats(self) -> StatsStore:
        """The writing side of the statistics."""
        from ..statistics.store import StatsStore

        return StatsStore(self._dynamodb, names.table(self.stage, "stats"), self.effects)

    @cached_property
    def notifier(self) -> Notifier:
        """The doorbell."""
        from ..notification.notifier import Notifier

        return Notifier(self._sqs, self.stage)

    @cached_property
    def links(self) -> Links:
        """What makes and reads unsubscribe links."""
        from ..unsubscribe_links.links import Links

        return Links(self.settings.unsubscribe_keys, self.settings.api.public_url or "", self.effects.random_bytes)

    @cached_property
    def _address_keys(self) -> AddressKeys:
        from ..ledger.keys import AddressKeys

        return AddressKeys([secret.reveal().encode() for secret in self.settings.privacy.address_keys])

    @cached_property
    def _transport(self) -> Transport:
        from ..providers.transport import Transport

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
    """How AWS is asked. Its own check of each request's form and the words on who asks take half of a request's time
    on this side of the wire; the service checks the form again, and so do tests.
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
