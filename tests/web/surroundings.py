"""The routes with two forms over substitutes, the events that they store, and requests as API Gateway events."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from chalicelib.config.model import Api as ApiSettings, Form, Privacy, Settings
from chalicelib.config.secrets import Secret
from chalicelib.confirmation.links import ConfirmationLinks
from chalicelib.domain.errors import IdConflict
from chalicelib.domain.events import Event
from chalicelib.domain.figures import Snapshot
from chalicelib.effects import Effects
from chalicelib.ledger.attention import AttentionQuery
from chalicelib.ledger.event_status import EventPage
from chalicelib.ledger.keys import AddressKeys
from chalicelib.providers.account import Account
from chalicelib.statistics.queries import Page, StatsReader
from chalicelib.unsubscribe_links.links import Links
from chalicelib.web.gateway import Gateway
from chalicelib.web.routes.confirm import ConfirmRoutes
from chalicelib.web.routes.dashboard.access import DashboardAccess
from chalicelib.web.routes.dashboard.campaigns import CampaignPages
from chalicelib.web.routes.dashboard.events import EventPages
from chalicelib.web.routes.dashboard.forms import FormPages
from chalicelib.web.routes.dashboard.overview import OverviewPage
from chalicelib.web.routes.events import EventsRoutes
from chalicelib.web.routes.forms import FormsRoutes
from chalicelib.web.routes.statistics import FormStatsRoutes, StatsRoutes
from chalicelib.web.routes.unsubscribe import UnsubscribeRoutes
from chalicelib.web.routes.webhooks import WebhooksRoutes
from tests.support.http import Answer, ask, gateway_event, routes_over

__all__ = ["Answer", "ask", "gateway_event"]

ADMIN_KEY = "placeholder-admin-key-of-32-chars"
UNSUBSCRIBE_KEY = Secret.plain("placeholder-unsubscribe-key-of-40-characters")
PUBLIC_URL = "https://relais.example.com"
CONFIRM_LINKS = ConfirmationLinks([UNSUBSCRIBE_KEY], PUBLIC_URL, lambda number: bytes(number))
NOW = datetime(2026, 3, 1, 9, 30, 0, 1_999, tzinfo=UTC)


@dataclass
class FakeCampaigns:
    """Campaigns in memory: recorded queries, given answers, errors to raise."""

    asked: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Page = field(default_factory=lambda: Page((), None))
    snapshots: list[Snapshot] = field(default_factory=list)
    failure: Exception | None = None

    def page(self, **query: Any) -> Page:
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        return self.answer

    def campaign(self, account: str, campaign: str) -> Snapshot | None:
        found = self.history(account, campaign)
        return found[-1] if found else None

    def history(self, account: str, campaign: str) -> list[Snapshot]:
        self.asked.append({"account": account, "campaign": campaign})
        if self.failure is not None:
            raise self.failure
        return [each for each in self.snapshots if (each.account, each.campaign) == (account, campaign)]


@dataclass
class World:
    """The surroundings of the routes: stored events, and the next fault."""

    stored: list[Event] = field(default_factory=list)
    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    listed: list[AttentionQuery] = field(default_factory=list)
    """Queries of the list of events."""
    taken: set[str] = field(default_factory=set)
    """Ids that are stored with other content."""
    failure: Exception | None = None
    counted: list[tuple[str, str]] = field(default_factory=list)
    """The keys under which wrong admin keys were counted."""
    items: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """What was written to the ledger besides events."""
    now: datetime = NOW
    campaigns: FakeCampaigns = field(default_factory=FakeCampaigns)
    links: Links = field(default_factory=lambda: Links([UNSUBSCRIBE_KEY], PUBLIC_URL, os.urandom))

    def services(self, settings: Settings) -> Any:
        """Services whose stores are this world; notifications go nowhere."""
        return SimpleNamespace(
            settings=settings,
            address_keys=AddressKeys([key.reveal().encode() for key in settings.privacy.address_keys]),
            effects=Effects(clock=lambda: self.now),
            events=SimpleNamespace(
                store=self.store, put_new=lambda event: None if self.store(event) else {"accepted": 0}
            ),
            accounts=SimpleNamespace(names=lambda configured: (*configured, "gone")),
            table=SimpleNamespace(
                update=self.update, get=self.items.get, in_parallel=lambda work, values: list(map(work, values))
            ),
            notifier=SimpleNamespace(notify=lambda verb, ids: True),
        )

    def store(self, event: Event) -> bool:
        if self.failure is not None:
            raise self.failure
        if event.id in self.taken:
            raise IdConflict(event.id)
        self.stored.append(event)
        return True

    def update(self, key: tuple[str, str], change: str, values: dict[str, Any]) -> dict[str, int]:
        if self.failure is not None:
            raise self.failure
        self.items[key] = values
        self.counted.append(key)
        return {"wrong_keys": self.counted.count(key)}

    def find(self, event_id: str) -> Mapping[str, Any] | None:
        if self.failure is not None:
            raise self.failure
        return self.states.get(event_id)

    def page(self, query: AttentionQuery) -> EventPage:
        if self.failure is not None:
            raise self.failure
        self.listed.append(query)
        return EventPage(tuple(map(dict, self.states.values())), "next")


Send = Callable[..., Answer]


def event(id: str, status: str) -> dict[str, object]:
    """The JSON of an event without deliveries."""
    times = dict.fromkeys(("occurred_at", "accepted_at"), "2026-03-01T09:30:00Z")
    return {"id": id, "type": "signup", "status": status, **times, "deliveries": [], "notes": [], "errors": []}


def make_settings(unsubscribe_keys: tuple[Secret, ...] = (), **api: Any) -> Settings:
    def form(name: str, **more: Any) -> Form:
        return Form(
            name=name, account="paris", list="4781", email_field="email", fields={"prenom": "firstname"}, **more
        )

    origins = frozenset({"https://www.example.com", "https://shop.example.com"})
    forms = [
        form("footer", origins=origins, redirect="https://www.example.com/merci"),
        form("closed"),
        form("open", origins=frozenset({"null"})),
    ]
    return Settings(
        accounts={"paris": Account("paris", "ediware"), "lettre": Account("lettre", "ediware")},
        privacy=Privacy((Secret.plain("placeholder"),)),
        forms={made.name: made for made in forms},
        unsubscribe_keys=unsubscribe_keys,
        api=ApiSettings(**({"admin_key": Secret.plain(ADMIN_KEY)} | api)),
    )


def make_app(world: World, settings: Settings) -> Gateway:
    """The routes of `app.py` over `world`."""
    services = world.services(settings)
    access = DashboardAccess(services)
    return routes_over(
        SimpleNamespace(
            settings=settings,
            forms_routes=FormsRoutes(services),
            webhooks_routes=WebhooksRoutes(services),
            events_routes=EventsRoutes(services, world),
            unsubscribe_routes=UnsubscribeRoutes(services, lambda: world.links),
            confirm_routes=ConfirmRoutes(services, lambda: CONFIRM_LINKS, lambda account: None),
            stats_routes=StatsRoutes(services, world.campaigns),
            form_stats_routes=FormStatsRoutes(services),
            dashboard_access=access,
            overview_page=OverviewPage(services, access, cast(StatsReader, world.campaigns), lambda account: None),
            form_pages=FormPages(services, access),
            event_pages=EventPages(services, access, world.find, lambda account: None),
            campaign_pages=CampaignPages(services, access, cast(StatsReader, world.campaigns), cast(Any, world)),
        )
    )
