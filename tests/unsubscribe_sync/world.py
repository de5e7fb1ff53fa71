"""Three accounts whose providers are in memory, over a ledger in memory: what tests of the unsubscribe sync share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.config.model import Settings, UnsubscribeSync
from chalicelib.config.secrets import Secret
from chalicelib.delivery.deadline import Deadline
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import StoredEvent
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.ledger.keys import AddressKeys
from chalicelib.providers.account import Account
from chalicelib.providers.spec import Unsubscribed, Unsubscribes
from chalicelib.unsubscribe_sync.importer import UnsubscribeImport
from tests.support.interleaving import Died, Tapped
from tests.support.memory import MemoryDynamo, MemoryQueues
from tests.support.product import ADDRESS_KEY, FakeContext, MovableClock, Product, settings
from tests.support.provider import FakeProvider

HOUR = timedelta(hours=1)
PROVIDERS = {"paris": "ediware", "lettre": "mailpartner", "brussel": "mymailmarket"}
EVERYBODY = tuple(PROVIDERS)
WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


def three_accounts(
    read_from: tuple[str, ...] = ("lettre", "brussel"), tell: tuple[str, ...] = EVERYBODY, **rules: Any
) -> Settings:
    """The configuration of the three accounts with its section; the other values are its own."""
    accounts = {
        name: Account(name, provider, secrets={"api_key": Secret.plain("placeholder")})
        for name, provider in PROVIDERS.items()
    }
    return settings(accounts=accounts, sync_unsubscribes=UnsubscribeSync(read_from, tell, **rules))


@dataclass
class World:
    """The product with the three accounts. `unsubscribed_rows` of a provider are the rows that it reports."""

    config: Settings = field(default_factory=three_accounts)
    clock: MovableClock = field(default_factory=MovableClock)
    dynamo: MemoryDynamo = field(default_factory=MemoryDynamo)
    queues: MemoryQueues = field(default_factory=MemoryQueues)
    product: Product = field(init=False)

    def __post_init__(self) -> None:
        self.product = Product(self.config, self.clock, {name: FakeProvider() for name in PROVIDERS})
        self.restart()

    def restart(self, config: Settings | None = None) -> None:
        """Another instance over the same state."""
        self.product.settings = self.config = config or self.config
        self.product.restart()
        self.product.container.__dict__.update(_dynamodb=self.dynamo, _sqs=self.queues)

    def provider(self, name: str) -> FakeProvider:
        return self.product.providers[name]

    def leave(self, name: str, *emails: str, at: datetime | None = None, **more: Any) -> None:
        """Unsubscribe people at a provider."""
        rows = self.provider(name).unsubscribed_rows
        for email in emails:
            row_id = more.get("provider_id", f"{name}-{len(rows)}")
            rows.append(Unsubscribed(email, at, row_id, more.get("version")))

    def sync(self, seconds: int = 600) -> dict[str, Any]:
        """One run of the schedule; gives what became of each account."""
        result = self.product.container.sync_unsubscribes(FakeContext(seconds * 1000))
        accounts: dict[str, Any] = result["accounts"]
        return accounts

    def deliver(self) -> list[str]:
        """Process all notifications; returns the ids, each once."""
        ids: list[str] = []
        while waiting := self.queues.enqueued():
            for queue, body in waiting:
                ids += body["event_ids"]
                self.product.work(*body["event_ids"], queue=queue.removeprefix("relais-local-"))
        return list(dict.fromkeys(ids))

    def sweep_and_deliver(self) -> None:
        """Process all notifications, also those that a dead worker did not send."""
        self.clock.forward(minutes=5)
        self.product.container.sweeper.run()
        self.deliver()

    def sign_up(self, email: str, account: str, *, may_lift_suppression: bool = True) -> tuple[str, str | None]:
        """Sign a person up at an account now; returns the status."""
        event = self.product.signup(email, accounts=(account,), may_lift_suppression=may_lift_suppression)
        self.product.work(*self.product.store(event), milliseconds=60_000)
        delivery = self.product.delivery(event.id, account)
        return delivery["status"], delivery["reason"]

    def resubscribed(self, email: str, account: str) -> None:
        """Record a delivered signup of now at an account, regardless of the provider's abilities."""
        key = (AddressKeys([ADDRESS_KEY.encode()]).partition(email), account)
        change, at = "SET signed_up_at = :at", epoch_milliseconds(self.clock())
        self.product.container.table.update(key, change, {"at": at})

    def break_after(self, name: str, rows: int) -> None:
        """Let a provider's list break off."""
        fake = self.provider(name)

        def breaking(*, budget: float) -> Unsubscribes:
            def some() -> Iterator[Unsubscribed | None]:
                yield from fake.unsubscribed_rows[:rows]
                raise ProviderError(Kind.LATER, "it broke off")

            return Unsubscribes(some())

        fake.unsubscribed = breaking  # type: ignore[method-assign]

    def repair(self, name: str) -> None:
        """Let it be read to its end again."""
        del self.provider(name).unsubscribed

    def dies_at(self, operation: int) -> bool:
        """A run that is killed before its n-th call of AWS; False if it ended before that."""
        left = [operation]

        def point(name: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        container = self.product.container
        container.__dict__.update(_dynamodb=Tapped(self.dynamo, point), _sqs=Tapped(self.queues, point))
        (source,) = self.config.sync_unsubscribes.read_from if self.config.sync_unsubscribes else ("",)
        deadline = Deadline.of(FakeContext(600_000), self.clock)
        try:
            UnsubscribeImport(container.unsubscribe_import, source, EVERYBODY, deadline).run()
        except Died:
            return True
        finally:
            self.restart()
        return False

    def events(self, ids: Iterable[str]) -> list[StoredEvent]:
        return self.product.container.events.load(ids)

    def propagated(self) -> dict[str, list[str]]:
        """Unsubscribe calls of each provider, in order."""
        return {name: fake.unsubscribed_emails for name, fake in self.product.providers.items()}

    def count(self) -> dict[str, int]:
        """DynamoDB calls since the last count."""
        counted, self.dynamo.counts = self.dynamo.counts, {}
        return counted


class SlowWrites:
    """Makes every stored event and every stored bucket take so many seconds."""

    def __init__(self, world: World, seconds: float) -> None:
        self.seconds = seconds

        def slowly(operation: str) -> None:
            if operation in WRITES:
                world.clock.forward(seconds=self.seconds)

        world.product.container.__dict__["_dynamodb"] = Tapped(world.dynamo, slowly)


def writes(counted: dict[str, int]) -> int:
    return sum(counted.get(name, 0) for name in WRITES)
