"""Calls of the privacy tests, and access to the items of the ledger."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent
from tests.support.memory import MemoryDynamo
from tests.support.product import START, FakeContext, Product
from tests.support.provider import FakeProvider
from tests.support.reference import World

ZOE = "zoe@example.com"
MINUTE = timedelta(minutes=1)
PERSONAL = {"email", "fields", "consent", "waiting_ids"}


def new_product(**parts: Any) -> World:
    """The product with two accounts, and these parts in place of its own."""
    return World(**{"providers": {"paris": FakeProvider(), "lyon": FakeProvider()}, **parts})


def forget(product: Product, email: Any = "zoe@example.com", milliseconds: int = 120_000) -> dict[str, Any]:
    """The answer of `forget`."""
    return product.container.forget({"email": email}, FakeContext(milliseconds))


def export(product: Product, email: str = "zoe@example.com", milliseconds: int = 120_000) -> dict[str, Any]:
    """What `export_person` answers."""
    return product.container.export_person({"email": email}, FakeContext(milliseconds))


def dump(ledger: MemoryDynamo) -> list[dict[str, Any]]:
    """Every item of the ledger."""
    return [item for partition in ledger.items.values() for item in partition.values()]


def holders(ledger: MemoryDynamo, text: str) -> list[str]:
    """Keys of the items that contain a text, in any case."""
    return [item["pk"]["S"] for item in dump(ledger) if text.lower() in json.dumps(item, ensure_ascii=False).lower()]


def event_item(ledger: MemoryDynamo, event_id: str) -> dict[str, Any]:
    """An event's own item."""
    return dict(ledger.items.get(f"E#{event_id}", {}).get("E", {}))


def delivered(product: Product, email: str = ZOE, **changes: Any) -> str:
    """A delivered signup with everything that may be personal; its id."""
    consent = Consent("https://www.example.com/", "v3", "203.0.113.9", START)
    event = product.signup(email, **{"fields": {"prenom": "Zoé"}, "consent": consent, **changes})
    product.work(*product.store(event))
    return event.id


def down(product: Product, *accounts: str) -> None:
    for account in accounts:
        product.providers[account].rule = lambda *_: ProviderError(Kind.LATER, "down")


def up(product: Product) -> None:
    for provider in product.providers.values():
        provider.rule = None
