"""Thousands of strangers are signed up through one form in an hour: those within its limit go on, the rest waits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.events import Consent, Door
from tests.dashboard.visitor import Person, with_admin_key, words
from tests.operators.support import enqueued, report, resend
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

STRANGERS, WITHIN = 5000, 500
A_BATCH = 100
"""Events that a worker handles at once."""
REAL = "zoe@example.com"
FLOOD: dict[str, Any] = {"status": "quarantined", "form": "footer", "type": "signup"}


def sign_up(product: Product, *emails: str) -> list[str]:
    """Stores signups as the form does, and has a worker handle them."""
    consent = Consent(at=product.clock(), door=Door.FORM)
    signups = [product.signup(email, form="footer", list=None, consent=consent) for email in emails]
    ids = product.store(*signups)
    product.work(*ids)
    return ids


@pytest.mark.slow
def test_of_a_flood_a_real_person_is_released_and_the_rest_discarded(product: Product, resources: TestAws) -> None:
    with_admin_key(product, forms={"footer": Form("footer", "paris", "4781", "email", {})})
    product.clock.forward(minutes=30)
    strangers = [f"stranger{number}@example.com" for number in range(STRANGERS)]
    ids: list[str] = []
    for start in range(0, STRANGERS, A_BATCH):
        if start == STRANGERS // 2:
            [real] = sign_up(product, REAL)
        ids += sign_up(product, *strangers[start : start + A_BATCH])
        product.clock.forward(seconds=3599 * A_BATCH / STRANGERS)
    assert signed_up(product) == strangers[:WITHIN]
    found = report(product)
    assert (found["delivered"], found["quarantined"], found["pending"]) == (WITHIN, 4501, 4501)

    person = Person(product)
    person.log_in()
    page = person.get("/dashboard")
    assert "signups or unsubscribes are held: too many at once, or perhaps a robot. Form: footer." in words(page)
    assert 'href="/api/dashboard/events?status=quarantined' in page.body
    assert "Quarantined All accounts footer at least 1,000 1 March" in words(person.get("/dashboard/events"))
    release(product, person, real)
    assert signed_up(product) == [*strangers[:WITHIN], REAL]

    assert resend(product, discard=True, **FLOOD) == {"discarded": STRANGERS - WITHIN}
    enqueued(resources)
    product.clock.forward(days=31)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.work(*ids[WITHIN : WITHIN + 2 * A_BATCH])
    assert signed_up(product) == [*strangers[:WITHIN], REAL]
    states, emails = remaining(product)
    assert states == {("delivered", None): WITHIN + 1, ("refused", "discarded"): STRANGERS - WITHIN}
    assert emails == {*strangers[:WITHIN], REAL}


def release(product: Product, person: Person, event_id: str) -> None:
    """Releases the signup of a person who asks for it."""
    exported = product.container.export_person({"email": REAL}, FakeContext())
    assert [one["id"] for one in exported["events"]] == [event_id]
    page = person.get(f"/dashboard/events/{event_id}")
    assert "This signup is held: its form got too many at once" in words(page)
    done = person.follow(person.post(f"/dashboard/events/{event_id}/resend"))
    assert "Done: it is being delivered now." in words(done)
    product.work(event_id)


def signed_up(product: Product) -> list[str]:
    return [email for _, email, _ in product.paris.rows]


def remaining(product: Product) -> tuple[Counter[tuple[str, str | None]], set[str]]:
    """States and reasons of all events in the ledger, and the addresses that it still has."""
    wanted = ("pk", "sk", "status", "reason", "email")
    pages = product.container.table.scan(0, 1, "begins_with(#pk, :start)", wanted, {"start": "E#"})
    items = [item for page in pages for item in page]
    states = Counter((item["status"], item.get("reason")) for item in items)
    return states, {item["email"] for item in items if "email" in item}
