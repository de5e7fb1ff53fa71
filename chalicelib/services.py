"""The stores, the notifier and the injected effects that every use case above the ledger works with."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import aws, names
from .config.model import Settings
from .effects import Effects

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

    from .ledger.account_states import AccountStore
    from .ledger.address_key_check import AddressKeyCheck
    from .ledger.day_counts import DayCounts
    from .ledger.events import EventStore
    from .ledger.keys import AddressKeys
    from .ledger.subscriptions import SubscriptionStore
    from .ledger.table import Table
    from .notification.notifier import Notifier


class Services:
    """Settings, effects, stores and notifier of one stage and one configuration.

    Each store is built, and its module imported, on first use and cached for the life of the instance, so that a cold
    start loads only what its own function uses.
    """

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        self.settings = settings
        self.stage = stage
        self.effects = effects or Effects()

    @cached_property
    def table(self) -> Table:
        """The ledger's table."""
        from .ledger.table import Table

        return Table(self._dynamodb, names.table(self.stage, "ledger"), self.effects)

    @cached_property
    def address_keys(self) -> AddressKeys:
        """The keys that addresses are hashed with."""
        from .ledger.keys import AddressKeys

        def read(*, fresh: bool = True) -> list[bytes]:
            return [secret.reveal(fresh).encode() for secret in self.settings.privacy.address_keys]

        return AddressKeys(read(fresh=False), read)

    @cached_property
    def address_key_check(self) -> AddressKeyCheck:
        """Checks that the address keys are those that the ledger was written with."""
        from .ledger.address_key_check import AddressKeyCheck

        return AddressKeyCheck(self.table, self.address_keys, self.effects.clock)

    @cached_property
    def events(self) -> EventStore:
        """The events of the ledger."""
        from .ledger.events import EventStore

        keep = timedelta(days=self.settings.privacy.keep_events_days)
        return EventStore(self.table, self.address_keys, keep, self.counts)

    @cached_property
    def subscriptions(self) -> SubscriptionStore:
        """The subscription states of the ledger."""
        from .ledger.subscriptions import SubscriptionStore

        return SubscriptionStore(self.table, self.address_keys, self.address_key_check.record_use)

    @cached_property
    def accounts(self) -> AccountStore:
        """The account states of the ledger."""
        from .ledger.account_states import AccountStore

        return AccountStore(self.table)

    @cached_property
    def counts(self) -> DayCounts:
        """The counts of what became of events, by form and day."""
        from .ledger.day_counts import DayCounts

        return DayCounts(self.table)

    @cached_property
    def notifier(self) -> Notifier:
        """Notifies workers through the queues."""
        from .notification.notifier import Notifier

        return Notifier(self._sqs, self.stage)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        client: DynamoDBClient = aws.client("dynamodb", **_options(attempts=4, connections=32))
        return client

    @cached_property
    def _sqs(self) -> SQSClient:
        client: SQSClient = aws.client("sqs", **_options(attempts=2, connections=10))
        return client


def _options(attempts: int, connections: int) -> dict[str, Any]:
    """Returns the options of an AWS client, without parameter validation and with a short user agent.

    Both would take half of a request's client-side time; the service validates the parameters itself, and so do tests.
    """
    return {
        "connect_timeout": 2,
        "read_timeout": 5,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
        "max_pool_connections": connections,
        "parameter_validation": False,
        "user_agent": "relais",
    }
