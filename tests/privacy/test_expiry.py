"""Final items expire `keep_events_days` later, to the day, however late DynamoDB deletes them; subscription states
never expire.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.events import Status
from chalicelib.ledger.event_status import EventView
from tests.operators.support import end, report
from tests.privacy.support import dump, export, new_product
from tests.support.memory import MemoryDynamo
from tests.support.product import ADDRESS_KEY, START, Product, settings
from tests.support.reference import World

EMAIL = "a@example.com"


@pytest.fixture
def product() -> World:
    return new_product(settings=settings(privacy=Privacy((Secret.plain(ADDRESS_KEY),), keep_events_days=3)))


def is_shown(product: Product, event_id: str) -> bool:
    """By `GET /events/{id}`."""
    return EventView(product.container.table, product.container.accounts.read, product.clock).find(event_id) is not None


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PENDING])
@pytest.mark.parametrize("accounts", [("paris",), ("paris", "lyon")])
def test_every_final_status_sets_the_expiry(
    product: Product, ledger: MemoryDynamo, status: Status, accounts: tuple[str, ...]
) -> None:
    event = product.unsubscribe(EMAIL, accounts=accounts)
    product.store(event)
    for account in accounts:
        assert not [item for item in dump(ledger) if item["pk"]["S"] == "E#" + event.id and "expires_at" in item]
        product.clock.forward(hours=1)
        end(product, event, status, account)
    at = int((product.clock() + timedelta(days=3)).timestamp())
    assert all(item["expires_at"]["N"] == str(at) for item in dump(ledger) if item["pk"]["S"].startswith("E#"))
    product.clock.forward(days=3, seconds=-1)
    assert is_shown(product, event.id)
    product.clock.forward(seconds=1)
    assert not is_shown(product, event.id)
    assert report(product)["accepted"] == 0
    assert export(product, EMAIL)["events"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "signup", "form": "footer", "email": "nobody", "id": "one"},
        {"type": "unsubscribe", "email": "nobody", "id": "one"},
    ],
)
def test_an_event_refused_at_acceptance_expires(product: Product, body: dict[str, Any]) -> None:
    product.work(bodies=(body,))
    assert product.view("one")["status"] == "refused"
    product.clock.forward(days=3, seconds=-1)
    assert is_shown(product, "one")
    product.clock.forward(seconds=1)
    assert not is_shown(product, "one")


def test_pending_events_and_subscription_states_never_expire(product: Product, ledger: MemoryDynamo) -> None:
    product.work(*product.store(product.signup(EMAIL, START - timedelta(hours=1)), product.unsubscribe(EMAIL)))
    (waiting,) = product.store(product.signup("b@example.com"))
    product.clock.forward(days=4000)
    assert is_shown(product, waiting)
    states = [item for item in dump(ledger) if item["pk"]["S"].startswith("A#")]
    assert states
    assert not [item for item in states if "expires_at" in item]
    late = product.signup(EMAIL, START)
    product.work(*product.store(late))
    assert product.delivery(late.id)["status"] == "superseded"
