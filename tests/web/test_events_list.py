"""`GET /events` over the real ledger: from a form's signup that the provider refuses to the list, page by page."""

from __future__ import annotations

import json

import pytest

from chalicelib.config.model import Api
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from tests.support.http import request
from tests.support.product import Product, settings

KEY = {"Authorization": "Bearer placeholder-admin-key-of-32-chars"}

pytestmark = pytest.mark.no_cover


@pytest.fixture
def product(product: Product) -> Product:
    product.settings = settings(api=Api(admin_key=Secret.plain("placeholder-admin-key-of-32-chars")))
    product.restart()
    return product


def test_refused_signups_of_a_form_are_listed_newest_first_with_code_and_no_address(product: Product) -> None:
    product.paris.rule = lambda _, emails: ProviderError(Kind.CONTACT, f"no mailbox {len(emails[0]) * 'x'}")
    ids = []
    for number in range(4):
        body = json.dumps({"email": f"{'a' * (number + 1)}@example.com"})
        answer = request(product.container, "POST", "/forms/footer/signup", {"content-type": "application/json"}, body)
        ids.append(answer.json["id"])
        product.work(ids[-1])
        product.clock.forward(seconds=1)
    first = request(product.container, "GET", "/events?status=refused&form=footer&limit=3", KEY)
    assert [event["id"] for event in first.json["events"]] == ids[:0:-1]
    assert first.json["events"][0] == product.shown(ids[3])
    (delivery,) = first.json["events"][0]["deliveries"]
    assert (delivery["status"], delivery["reason_code"]) == ("refused", "rejected_by_provider")
    assert "example.com" not in first.body
    path = f"/events?status=refused&form=footer&limit=3&cursor={first.json['cursor']}"
    second = request(product.container, "GET", path, KEY)
    assert ([event["id"] for event in second.json["events"]], second.json["cursor"]) == (ids[:1], None)
    for cursor in ("x", first.json["cursor"][::-1], "%00"):
        assert request(product.container, "GET", f"/events?status=refused&cursor={cursor}", KEY).status == 422
    assert request(product.container, "GET", "/events?status=parked", KEY).json == {"events": [], "cursor": None}
    assert request(product.container, "GET", "/events?account=lyon", KEY).json == {"events": [], "cursor": None}
