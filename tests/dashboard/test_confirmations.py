"""An event's page shows the state of its confirmation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.dashboard import events
from chalicelib.domain.confirmation import Confirmation
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.ledger.confirmations import ConfirmationStore
from tests.dashboard.visitor import Person, with_admin_key, words
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


def test_what_waits_for_its_person_is_among_what_is_pending(product: Product, person: Person) -> None:
    """Most such signups need nobody: they are listed as pending, but not among what needs attention."""
    form = replace(product.settings.forms["footer"], confirm="paris")
    with_admin_key(product, forms={"footer": form})
    waiting = Confirmation(START + timedelta(hours=72), "fr")
    event = replace(product.signup("zoe@example.com", form="footer", list=None), confirmation=waiting)
    [event_id] = product.store(event)
    for query in ("", "?status=pending", "?status=pending&account=paris&form=footer"):
        [found] = person.get(f"/events{query}").json["events"]
        assert (found["id"], found["deliveries"][0]["reason_code"]) == (event_id, "unconfirmed"), query
    for query in ("?status=refused", "?account=lyon", "?form=other"):
        assert person.get(f"/events{query}").json["events"] == [], query
    page = words(person.get("/dashboard/events?status=pending"))
    assert "Signup" in page and "Pending paris footer Waits for the person’s confirmation" in page
    assert "Waits for the person’s confirmation." in words(person.get(f"/dashboard/events/{event_id}"))
    assert f"/dashboard/events/{event_id}" not in person.get("/dashboard/events").body


def test_what_waits_for_its_person_is_no_newer_than_it_is(
    product: Product, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is due when the time to confirm is over, days after events that were accepted later."""
    form = replace(product.settings.forms["footer"], confirm="paris", confirm_within_hours=48)
    with_admin_key(product, forms={"footer": form})
    held = product.container
    confirmations = ConfirmationStore(held.table, held.address_keys, held.events, held.counts)
    ids = []
    for number in range(6):
        signup = product.signup(f"a{number}@example.com", form="footer", list=None)
        if number % 2 == 0:
            signup = replace(signup, confirmation=Confirmation(product.clock() + timedelta(hours=48), "fr"))
        ids += product.store(signup)
        if signup.confirmation:
            confirmations.mailed(signup, None, product.clock())
        product.clock.forward(minutes=1)
    for path in ("/events?limit=2", "/events?limit=2&status=pending"):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = person.get(f"{path}&cursor={cursor}").json
            found += [event["id"] for event in page["events"]]
            cursor = page["cursor"]
        assert found == ids[::-1]
    monkeypatch.setattr(events, "PAGE", 2)
    first = person.get("/dashboard/events?status=pending").body
    assert [event_id in first for event_id in ids] == [False] * 4 + [True] * 2


def test_an_address_is_found_among_what_waits_is_held_or_was_refused(product: Product, person: Person) -> None:
    form = replace(product.settings.forms["footer"], confirm="paris")
    with_admin_key(product, forms={"footer": form})
    waiting = Confirmation(START + timedelta(hours=72), "fr")
    signups = [
        replace(product.signup("zoe@example.com", form="footer", list=None), confirmation=waiting),
        product.signup("zoe@example.com", form="footer"),
        product.signup("ana@example.com", form="footer"),
    ]
    unconfirmed, refused, other = product.store(*signups)
    product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "refused")
    product.work(refused, other)
    person.get("/dashboard/events")
    page = person.post("/dashboard/events/lookup", address="Zoe@example.com")
    assert f"/events/{unconfirmed}" in page.body and f"/events/{refused}" in page.body
    assert other not in page.body and "zoe" not in page.body.lower()
    assert "footer paris – Waits for the person’s confirmation" in words(page)
    assert "footer paris – The provider refuses the contact" in words(page)
    assert "Nothing for this address." in words(person.post("/dashboard/events/lookup", address="eva@example.com"))
