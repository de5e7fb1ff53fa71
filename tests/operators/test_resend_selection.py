"""`resend`: which events a call selects, and calls that are wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.events import Status
from tests.operators.support import calls, end, ended, enqueued, report, resend
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product


@pytest.fixture
def several(product: Product) -> dict[str, str]:
    """Final deliveries of many kinds: what they are -> event id."""
    ids = {
        "old parked": ended(product, "p1@example.com", Status.PARKED),
        "old refused": ended(product, "r1@example.com", Status.REFUSED),
        "delivered": ended(product, "d@example.com", Status.DELIVERED),
        "superseded": ended(product, "s@example.com", Status.SUPERSEDED),
    }
    product.clock.forward(hours=1)
    ids["new parked"] = ended(product, "p2@example.com", Status.PARKED)
    ids["new refused"] = ended(product, "r2@example.com", Status.REFUSED)
    lyon = product.signup("l@example.com", accounts=("lyon",))
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(lyon, both, product.signup("pending@example.com", id="pending"))
    ids["lyon parked"] = end(product, lyon, Status.PARKED, "lyon")
    ids["unsubscribe parked"] = end(product, both, Status.PARKED, "paris")
    end(product, both, Status.DELIVERED, "lyon")
    ids["trap"] = product.store(product.signup("bot@example.com", refused="trap"))[0]
    return ids


@pytest.mark.parametrize("reason", ["trap", "spam", "discarded", "unconfirmed", "quarantined", "suppressed"])
def test_reasons_that_only_an_operator_can_judge_need_the_id(product: Product, reason: str) -> None:
    event = product.signup("a@example.com")
    product.store(event)
    end(product, event, Status.REFUSED, reason=reason)
    assert resend(product, status="refused", account="paris") == {"resent": 0}
    assert resend(product, status="refused", id=event.id)["resent"] == (reason != "discarded")


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({}, ["old parked", "new parked", "lyon parked", "unsubscribe parked"]),
        ({"status": "parked", "account": None}, ["old parked", "new parked", "lyon parked", "unsubscribe parked"]),
        ({"account": "paris"}, ["old parked", "new parked", "unsubscribe parked"]),
        ({"account": "lyon"}, ["lyon parked"]),
        ({"type": "unsubscribe"}, ["unsubscribe parked"]),
        pytest.param({"type": "signup", "account": "paris"}, ["old parked", "new parked"], marks=pytest.mark.slow),
        pytest.param({"type": "sync"}, [], marks=pytest.mark.slow),
        ({"since": "2026-03-01T10:30:00Z"}, ["new parked", "lyon parked", "unsubscribe parked"]),
        ({"since": "2026-03-01T10:30:00.001Z"}, []),
        ({"since": "2026-03-01T11:30:00+02:00", "type": "signup", "account": "paris"}, ["old parked", "new parked"]),
        ({"status": "refused"}, ["old refused", "new refused"]),
        pytest.param({"status": "refused", "since": "2026-03-01T10:00:00Z"}, ["new refused"], marks=pytest.mark.slow),
        pytest.param({"status": "refused", "account": "lyon"}, [], marks=pytest.mark.slow),
    ],
)
def test_filters_select_events(
    product: Product, resources: TestAws, several: dict[str, str], wanted: dict[str, Any], sent: list[str]
) -> None:
    before = report(product)
    assert resend(product, **wanted) == {"resent": len(sent)}
    ids = [several[name] for name in sent]
    assert sorted(enqueued(resources) + enqueued(resources, "unsubscribes")) == sorted(ids)
    pending = [name for name, event_id in several.items() if product.view(event_id)["status"] == "pending"]
    assert sorted(pending) == sorted(sent)
    after = report(product)
    assert (after["accepted"], after["pending"]) == (before["accepted"], before["pending"] + len(sent))


@pytest.mark.parametrize(
    ("name", "wanted", "sent"),
    [
        ("old parked", {}, 1),
        ("old parked", {"account": "paris", "type": "signup", "since": "2026-03-01T09:30:00Z"}, 1),
        ("old parked", {"account": "lyon"}, 0),
        ("old parked", {"status": "refused"}, 0),
        ("unsubscribe parked", {}, 1),
        ("unsubscribe parked", {"account": "lyon"}, 0),
        ("trap", {"status": "refused"}, 1),
        ("delivered", {}, 0),
        ("superseded", {"status": "refused"}, 0),
    ],
)
def test_one_event_by_id_needs_no_scan(
    product: Product, several: dict[str, str], name: str, wanted: dict[str, Any], sent: int
) -> None:
    made = calls(product)
    assert resend(product, id=several[name], **wanted) == {"resent": sent}
    assert "Scan" not in made
    assert product.view(several[name])["status"] == ("pending" if sent else name.split()[-1].replace("trap", "refused"))


def test_a_form_selects_what_it_brought_also_once_it_is_gone(product: Product) -> None:
    for name, form in (("a", "footer"), ("b", "popup"), ("c", None)):
        ended(product, f"{name}@example.com", Status.REFUSED, form=form)
    assert resend(product, status="refused", form="footer") == {"resent": 1}
    assert resend(product, status="refused", form="popup") == {"resent": 1}, "it is not in the configuration"
    assert resend(product, status="refused", form="footer") == {"resent": 0}
    mistyped = resend(product, status="refused", form="foter")
    assert mistyped["error"]["message"] == "there is no form 'foter': did you mean 'footer'?"


def test_an_unknown_id_is_reported(product: Product) -> None:
    assert resend(product, id="nobody") == {"resent": 0}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "a JSON object"),
        ([], "a JSON object"),
        ({"acount": "paris"}, "did you mean 'account'?"),
        ({"account": "pari"}, "did you mean 'paris'?"),
        ({"account": "elsewhere"}, "there are paris, lyon"),
        ({"account": 5}, "must be a text"),
        ({"type": "sign-up"}, "did you mean 'signup'?"),
        ({"status": "delivered"}, "there are parked, refused"),
        ({"status": "Parked"}, "did you mean 'parked'?"),
        ({"since": "2026-03-01"}, "2026-03-01T09:30:00Z"),
        ({"since": 1772357400}, "must be a text"),
        ({"id": "a b"}, "1 to 128"),
        ({"id": ""}, "1 to 128"),
    ],
)
def test_wrong_parameters_are_rejected_with_the_right_ones(product: Product, event: Any, words: str) -> None:
    event_id = ended(product, "a@example.com", Status.PARKED)
    answer = product.container.resend(event, FakeContext())
    assert list(answer) == ["error"]
    assert answer["error"]["kind"] == "caller"
    assert words in answer["error"]["message"]
    assert product.delivery(event_id)["status"] == "parked"


def test_an_address_in_a_wrong_call_is_not_repeated(product: Product) -> None:
    answer = resend(product, account="someone@example.com")
    assert "example.com" not in json.dumps(answer)
