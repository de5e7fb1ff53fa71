"""An `Api` over two forms, what it was given to hold, and requests in the shape of the gateway's events."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from chalicelib.config.model import Account, Api as ApiSettings, Form, Privacy, Settings
from chalicelib.config.secrets import Secret
from chalicelib.core.events import Event
from chalicelib.core.figures import Snapshot
from chalicelib.stats.pages import Page
from chalicelib.unsubscribe.links import Links
from chalicelib.web.api import Api
from chalicelib.web.gateway import Gateway, create_app

ADMIN_KEY = "placeholder-admin-key-of-32-chars"
UNSUBSCRIBE_KEY = Secret.plain("placeholder-unsubscribe-key-of-40-characters")
PUBLIC_URL = "https://relais.example.com"
NOW = datetime(2026, 3, 1, 9, 30, 0, 1_999, tzinfo=UTC)


@dataclass
class FakeCampaigns:
    """Campaigns in memory: what was asked for, what is answered, what is raised instead."""

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
    """The product's surroundings: what was held, and what goes wrong next."""

    held: list[Event] = field(default_factory=list)
    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Ids that are held with other content."""
    failure: Exception | None = None
    counted: list[tuple[str, datetime]] = field(default_factory=list)
    """The unsubscribes that forms brought, each with its form and time."""
    campaigns: FakeCampaigns = field(default_factory=FakeCampaigns)
    links: Links = field(default_factory=lambda: Links([UNSUBSCRIBE_KEY], PUBLIC_URL, os.urandom))

    def accept(self, event: Event) -> None:
        if self.failure is not None:
            raise self.failure
        self.held.append(event)

    def accept_all(self, events: Sequence[Event]) -> list[bool]:
        if self.failure is not None:
            raise self.failure
        kept = [event for event in events if event.id not in self.taken]
        self.held += kept
        return [event in kept for event in events]

    def count_unsubscribe(self, form: str, at: datetime) -> int:
        if self.failure is not None:
            raise self.failure
        self.counted.append((form, at))
        return len(self.counted)

    def find_event(self, event_id: str) -> Mapping[str, Any] | None:
        if self.failure is not None:
            raise self.failure
        return self.states.get(event_id)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[..., Answer]


def make_settings(unsubscribe_keys: tuple[Secret, ...] = (), **api: Any) -> Settings:
    def form(name: str, **more: Any) -> Form:
        return Form(
            name=name, account="paris", list="4781", email_field="email", fields={"prenom": "firstname"}, **more
        )

    origins = frozenset({"https://www.example.com", "https://shop.example.com"})
    forms = [form("footer", origins=origins, redirect="https://www.example.com/merci"), form("closed")]
    return Settings(
        accounts={"paris": Account("paris", "any"), "lettre": Account("lettre", "any")},
        privacy=Privacy((Secret.plain("placeholder"),)),
        forms={made.name: made for made in forms},
        unsubscribe_keys=unsubscribe_keys,
        api=ApiSettings(**({"admin_key": Secret.plain(ADMIN_KEY)} | api)),
    )


def make_app(world: World, settings: Settings) -> Gateway:
    numbers = iter(range(1, 1000))
    return create_app(
        Api(
            settings,
            accept=world.accept,
            accept_all=world.accept_all,
            count_unsubscribe=world.count_unsubscribe,
            find_event=world.find_event,
            can_sign_up=lambda provider: provider != "listless",
            campaigns=world.campaigns,
            links=lambda: world.links,
            clock=lambda: NOW,
            new_id=lambda: f"new-{next(numbers)}",
        ).handle
    )


def gateway_event(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None, *, base64: bool = False
) -> dict[str, Any]:
    """A REST API's proxy event (payload 1.0) with the members that API Gateway sends."""
    given = dict(headers or {})
    path, _, query = path.partition("?")
    several = parse_qs(query, keep_blank_values=True)
    resource = "/" if path == "/" else "/{proxy+}"
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": given or None,
        "multiValueHeaders": {name: [value] for name, value in given.items()} or None,
        "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": None if path == "/" else {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "resourceId": "placeholder",
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "stage": "api",
            "requestId": "gateway-request-1",
            "identity": {"sourceIp": "203.0.113.9", "userAgent": "test"},
        },
        "body": body,
        "isBase64Encoded": base64,
    }


def ask(app: Gateway, event: Any) -> Answer:
    answer = app(event, SimpleNamespace(aws_request_id="lambda-request-1"))
    assert json.loads(json.dumps(answer)) == answer, "Lambda can only return JSON"
    assert all(isinstance(value, str) for value in answer["headers"].values())
    return Answer(answer["statusCode"], answer["headers"], answer["body"])
