"""`[webhooks.shop] account = "crm"`: a back end gets no notice of its own events, and the order rules hold there."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Form, Webhook
from chalicelib.config.secrets import Secret
from chalicelib.providers.account import Account
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.back_end import SECRET, Told, back_end_account, told
from tests.support.http import request
from tests.support.product import Product, settings
from tests.support.provider import FakeProvider
from tests.support.webhooks import signed

pytestmark = pytest.mark.server

ZOE = "zoe@example.com"
OTHER = "whsec_cGxhY2Vob2xkZXItb2YtYW5vdGhlci1zaG9w"


@pytest.fixture
def product(resources: TestAws, crm: Scripted) -> Product:
    paris = Account("paris", "ediware", secrets={"api_key": Secret.plain("x")})
    made = settings(
        accounts={"paris": paris, "crm": back_end_account(f"{crm.url}/relais")},
        forms={"footer": Form("footer", "paris", "4781", "email", {"prenom": "prenom"}, copy_to=("crm",))},
        webhooks={
            "shop": Webhook("shop", (Secret.plain(SECRET),), account="crm"),
            "till": Webhook("till", (Secret.plain(OTHER),)),
        },
    )
    return Product(made, providers={"paris": FakeProvider()})


def send(product: Product, secret: str = SECRET, **event: Any) -> str:
    """The back end sends an event, which is delivered; its id."""
    product.clock.forward(minutes=1)
    body, now = json.dumps({"email": ZOE, **event}), product.clock()
    headers = {"Content-Type": "application/json", **signed(body, f"msg-{now.timestamp()}", now, secret)}
    response = request(product.container, "POST", "/events", headers, body)
    assert response.status == 202, response.body
    event_id = str(response.json["events"][0]["id"])
    product.work(event_id)
    return event_id


def notices(crm: Scripted) -> list[Told]:
    return [told(one) for one in crm.received]


def test_what_it_sends_is_not_told_back(product: Product, crm: Scripted) -> None:
    ids = [
        send(product, type="signup", form="footer"),
        send(product, type="signup", account="crm", list="vip"),
        send(product, type="unsubscribe"),
        send(product, type="signup", form="footer"),
    ]
    assert not crm.received
    for event_id in ids:
        delivery = product.delivery(event_id, "crm")
        assert (delivery["status"], delivery["attempts"]) == ("delivered", 0), "recorded without a call"
    assert product.paris.emails == [ZOE] and product.paris.unsubscribed_emails == [ZOE]


def test_what_another_sends_is_told(product: Product, crm: Scripted) -> None:
    event_id = send(product, OTHER, type="signup", form="footer")
    assert [(one.id, one.data["origin"]) for one in notices(crm)] == [(event_id, "webhook")]


def test_answering_a_notice_by_an_event_makes_no_loop(product: Product, crm: Scripted) -> None:
    body = json.dumps({"email": ZOE, "prenom": "Zoé"})
    signup = str(request(product.container, "POST", "/forms/footer/signup", {}, body).json["id"])
    product.work(signup)
    assert len(crm.received) == 1
    for _ in range(3):
        send(product, type="signup", form="footer", fields={"prenom": "Zoé"})
    assert len(crm.received) == 1


def test_order_rules_hold_at_the_sender(product: Product, crm: Scripted) -> None:
    before = product.clock() + timedelta(seconds=30)
    product.clock.forward(minutes=1)
    send(product, type="unsubscribe")
    older = send(product, OTHER, type="signup", form="footer", occurred_at=before.isoformat())
    assert product.delivery(older, "crm")["status"] == "superseded"
    again = send(product, type="signup", form="footer")
    assert product.delivery(again, "crm")["status"] == "delivered"
    newer = send(product, OTHER, type="unsubscribe", occurred_at=before.isoformat())
    assert product.delivery(newer, "crm")["status"] == "superseded", "the signup that it sent is known there"
    assert not crm.received


def test_it_is_told_once_it_is_another_account(product: Product, crm: Scripted) -> None:
    """The sender's account is the one that was configured when the event came."""
    crm.otherwise = answer(b"", 503)
    waiting = send(product, OTHER, type="signup", form="footer")
    assert product.delivery(waiting, "crm")["status"] == "pending"
    assert product.container.events.load([waiting])[0].event.sender_account is None
