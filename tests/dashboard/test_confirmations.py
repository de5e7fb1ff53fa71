"""An event's page says how far its confirmation is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.confirmation import Confirmation
from tests.dashboard.visitor import Person, words
from tests.support.product import START, Product


def test_an_unconfirmed_signup_waits_for_its_person(product: Product, person: Person) -> None:
    waiting = Confirmation(START + timedelta(hours=1), "fr")
    event = replace(product.signup("a@example.com", form="footer", list=None), confirmation=waiting)
    [event_id] = product.store(event)
    page = words(person.get(f"/dashboard/events/{event_id}"))
    assert "waits until the mail goes out that asks to confirm it." in page
    assert "Confirmation mail not sent yet" in page
    product.clock.forward(hours=1)
    product.work(event_id)
    person.log_in()
    page = words(person.get(f"/dashboard/events/{event_id}"))
    assert "Confirmation not confirmed in time" in page and "a@example.com" not in page
