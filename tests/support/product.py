"""The product over an embedded AWS with a clock that only tests move and a provider in memory."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.config.model import Form, Privacy, RetryPolicy, Settings
from chalicelib.config.secrets import Secret
from chalicelib.container import Container
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.effects import Effects
from chalicelib.ledger.event_status import EventView
from chalicelib.names import QueueKind
from chalicelib.providers.account import Account
from tests.support.provider import FakeProvider

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ADDRESS_KEY = "placeholder-address-key-1"


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        """Move on by `timedelta(**duration)`."""
        self.now += timedelta(**duration)


@dataclass
class FakeContext:
    """Lambda's context, as far as the product looks at it."""

    milliseconds: int = 120_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def settings(**changes: Any) -> Settings:
    """Return settings with two accounts and a form."""
    accounts = {
        name: Account(name, "ediware", secrets={"api_key": Secret.plain("placeholder")}) for name in ("paris", "lyon")
    }
    form = Form("footer", "paris", "4781", "email", {"prenom": "prenom"})
    values = {
        "accounts": accounts,
        "privacy": Privacy((Secret.plain(ADDRESS_KEY),)),
        "forms": {"footer": form},
        "delivery": RetryPolicy(),
        **changes,
    }
    return Settings(**values)


@dataclass
class Product:
    """A container and its surroundings."""

    settings: Settings = field(default_factory=settings)
    clock: MovableClock = field(default_factory=MovableClock)
    providers: dict[str, FakeProvider] = field(
        default_factory=lambda: {"paris": FakeProvider(), "lyon": FakeProvider()}
    )
    slept: list[float] = field(default_factory=list)
    container: Container = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another instance over the same state."""
        effects = Effects(clock=self.clock, chance=lambda: 1.0, sleep=self._sleep)
        self.container = Container(self.settings, "local", effects)
        self.container._providers.update(self.providers)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.forward(seconds=seconds)

    @property
    def paris(self) -> FakeProvider:
        return self.providers["paris"]

    def signup(self, email: str, at: datetime | None = None, **changes: Any) -> Event:
        """Return a signup event as a back end would state it."""
        return self._event(EventType.SIGNUP, email, at, **{"accounts": ("paris",), "list": "4781", **changes})

    def unsubscribe(self, email: str, at: datetime | None = None, **changes: Any) -> Event:
        """Return an unsubscribe from one account."""
        return self._event(EventType.UNSUBSCRIBE, email, at, **{"accounts": ("paris",), **changes})

    def _event(self, type: EventType, email: str, at: datetime | None, **changes: Any) -> Event:
        now = self.clock()
        values = {"id": str(uuid.uuid4()), "occurred_at": at or now, "accepted_at": now, **changes}
        return Event(type=type, email=email, **values)

    def store(self, *events: Event) -> list[str]:
        """Store events without a notification."""
        for event in events:
            self.container.events.store(event)
        return [event.id for event in events]

    def work(
        self, *ids: str, bodies: tuple[Any, ...] = (), milliseconds: int = 120_000, queue: QueueKind = "signups"
    ) -> dict[str, Any]:
        """Invoke a queue's worker once: with a notification for `ids`, and messages with `bodies`."""
        messages = ([{"event_ids": list(ids)}] if ids else []) + list(bodies)
        return self.receive(*(self.record(body) for body in messages), queue=queue, milliseconds=milliseconds)

    def record(self, body: Any, **changes: Any) -> dict[str, Any]:
        """Return a message as Lambda hands it over; `changes` replace its members."""
        return {
            "messageId": str(uuid.uuid4()),
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {"SentTimestamp": str(epoch_milliseconds(self.clock()))},
            "messageAttributes": {},
            **changes,
        }

    def receive(
        self, *records: dict[str, Any], queue: QueueKind = "signups", milliseconds: int = 120_000
    ) -> dict[str, Any]:
        """Invoke a queue's worker once with these messages."""
        return self.container.worker.handle(queue, {"Records": list(records)}, FakeContext(milliseconds))

    def shown(self, event_id: str) -> dict[str, Any] | None:
        """Return what `GET /events/{id}` answers now; None for 404."""
        return self._event_view(self.clock).find(event_id)

    def view(self, event_id: str) -> dict[str, Any]:
        """Return what `GET /events/{id}` shows, or would if the event had not expired."""
        found = self._event_view(lambda: START).find(event_id)
        assert found is not None
        return found

    def _event_view(self, clock: Callable[[], datetime]) -> EventView:
        container = self.container
        return EventView(container.table, container.accounts.read, clock, container.remedy, self.settings)

    def delivery(self, event_id: str, account: str = "paris") -> dict[str, Any]:
        """Return one delivery as `GET /events/{id}` shows it."""
        return next(one for one in self.view(event_id)["deliveries"] if one["account"] == account)
