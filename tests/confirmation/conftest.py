"""A product with a form whose signups have to be confirmed: the mails come from the account `lettre`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.config.model import Api, Form
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.account import Account
from tests.support.aws import TestAws
from tests.support.http import Answer, request
from tests.support.product import Product, settings
from tests.support.provider import FakeProvider

ZOE = "zoe@example.com"
PUBLIC_URL = "https://relais.example.com"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


@dataclass
class Visitor:
    """Signs up by forms and opens the links of mails."""

    product: Product

    @property
    def lettre(self) -> FakeProvider:
        return self.product.providers["lettre"]

    def sign_up(self, email: str, form: str = "footer", **fields: str) -> str:
        """Submits the form; returns the event's id."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode({"email": email, **fields})
        answer = request(self.product.container, "POST", f"/forms/{form}/signup", headers, body)
        assert answer.status == 202, answer.body
        return str(answer.json["id"])

    def sweep(self) -> None:
        """Runs sweep once, then the worker for everything that it enqueues."""
        self.product.work(*self.product.container.events.due_unconfirmed(self.product.clock(), 1000))

    def link(self, place: int = -1) -> str:
        """The path of the link in a mail."""
        [found] = set(re.findall(r"https://\S+/confirm/[\w-]+", self.lettre.mails[place].text))
        return str(found).removeprefix(PUBLIC_URL)

    def open(self, link: str, method: str = "GET", **headers: str) -> Answer:
        return request(self.product.container, method, link, {**HTML, **headers})

    def confirmation(self, event_id: str) -> dict[str, Any]:
        """The event's confirmation as `GET /events/{id}` shows it now."""
        shown = self.product.shown(event_id)
        assert shown is not None
        found: dict[str, Any] = shown["confirmation"]
        return found


def with_confirmation(product: Product, **changes: Any) -> Product:
    accounts = {
        **{name: Account(name, "ediware", secrets={"api_key": Secret.plain("x")}) for name in ("paris", "lyon")},
        "lettre": Account("lettre", "mailpartner", secrets={"api_key": Secret.plain("x")}),
    }
    form = Form("footer", "paris", "4781", "email", {"prenom": "prenom"}, confirm="lettre", **changes)
    product.settings = settings(
        accounts=accounts,
        forms={name: Form(**{**_values(form), "name": name}) for name in ("footer", *(f"form{n}" for n in range(10)))},
        unsubscribe_keys=(Secret.plain("placeholder-unsubscribe-key-of-40-characters"),),
        api=Api(public_url=PUBLIC_URL),
    )
    product.providers["lettre"] = FakeProvider()
    product.restart()
    return product


def _values(form: Form) -> dict[str, Any]:
    return {name: getattr(form, name) for name in form.__dataclass_fields__}


@pytest.fixture
def product(resources: TestAws) -> Product:
    return with_confirmation(Product())


@pytest.fixture
def visitor(product: Product) -> Visitor:
    return Visitor(product)


def failing(kind: Kind, message: str = "out of order") -> object:
    def rule(verb: str, emails: Sequence[str]) -> ProviderError | None:
        return ProviderError(kind, message) if verb == "mail" else None

    return rule
