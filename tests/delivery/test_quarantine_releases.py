"""Operators release or discard quarantined unsubscribes; a plain resend leaves them alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.observability import metrics
from chalicelib.operators.requeue import Requeues
from tests.delivery.quarantine import QUARANTINED, flood, limited_product
from tests.operators.support import enqueued, items, report, resend
from tests.support.aws import TestAws
from tests.support.product import Product


@pytest.fixture
def product(resources: TestAws) -> Product:
    return limited_product()


@pytest.mark.parametrize("wanted", [{}, {"status": "refused"}, {"type": "unsubscribe"}, {"status": "parked"}])
def test_hostile_2_a_plain_resend_leaves_quarantined_unsubscribes_alone(product: Product, wanted: Any) -> None:
    (quarantined,) = flood(product)
    assert resend(product, **wanted) == {"resent": 0}
    assert resend(product, id=quarantined, **wanted) == {"resent": 0}
    assert product.delivery(quarantined)["reason"] == "quarantined"


@pytest.mark.seconds
def test_an_operator_releases_all_quarantined_unsubscribes(product: Product, resources: TestAws) -> None:
    quarantined = flood(product, 2)
    enqueued(resources, "unsubscribes")
    product.clock.forward(hours=2)
    assert resend(product, **QUARANTINED) == {"resent": 4}, "deliveries"
    assert resend(product, **QUARANTINED) == {"resent": 0}
    assert set(quarantined) == set(enqueued(resources, "unsubscribes"))
    assert {delivery["reason"] for one in quarantined for delivery in product.view(one)["deliveries"]} == {None}
    product.work(*quarantined)
    assert sorted(product.paris.unsubscribed_emails) == ["q0@example.com", "q1@example.com"]
    assert "quarantined" not in items(resources, quarantined[0])["D#paris"]


@pytest.mark.seconds
def test_an_operator_releases_selected_unsubscribes(product: Product) -> None:
    (quarantined,) = flood(product)
    for others in ({"type": "signup"}, {"since": "2026-03-01T09:30:01Z"}, {"id": "another"}):
        assert resend(product, **others, **QUARANTINED) == {"resent": 0}
    selected = {"account": "lyon", "type": "unsubscribe", "since": "2026-03-01T09:30:00Z", "form": "footer"}
    assert resend(product, **selected, **QUARANTINED) == {"resent": 1}
    assert resend(product, id=quarantined, **QUARANTINED) == {"resent": 1}
    assert "error" in resend(product, form="foter", **QUARANTINED)


@pytest.mark.seconds
def test_hostile_2_an_operator_discards_a_flood(
    product: Product, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    quarantined = flood(product, 3)
    assert resend(product, discard=True, **QUARANTINED) == {"discarded": 3}, "events"
    assert resend(product, discard=True, **QUARANTINED) == {"discarded": 0}
    for one in quarantined:
        assert {(each["status"], each["reason"]) for each in product.view(one)["deliveries"]} == {
            ("refused", "discarded")
        }
        stored = items(resources, one)
        assert "q" not in {item.get("email", {}).get("S", "")[:1] for item in stored.values()}
        assert all("expires_at" in item and "due_pk" not in item for item in stored.values())
        assert resend(product, id=one, status="refused") == {"resent": 0}, "not even by id"
        assert resend(product, id=one, **QUARANTINED) == {"resent": 0}
    product.clock.forward(hours=25)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.work(*quarantined)
    assert product.paris.unsubscribed_emails == []
    found = report(product)
    assert (found["refused"], found["pending"], found["quarantined"]) == (6, 0, 0)
    metrics.flush()
    assert "unexpected_refusals" not in capsys.readouterr().out, "what a person decided raises no alarm"


def test_an_event_for_one_account_is_discarded_in_one_write(product: Product, resources: TestAws) -> None:
    product.settings = replace(product.settings, accounts={"paris": product.settings.accounts["paris"]})
    product.restart()
    (quarantined,) = flood(product)
    assert resend(product, discard=True, id=quarantined, **QUARANTINED) == {"discarded": 1}
    (item,) = items(resources, quarantined).values()
    assert {"email", "fields", "consent", "due_pk"}.isdisjoint(item)
    assert (item["reason"], "expires_at" in item) == ({"S": "discarded"}, True)


@pytest.mark.seconds
def test_an_unsubscribe_discarded_at_one_account_is_released_at_the_other(product: Product) -> None:
    (quarantined,) = flood(product)
    assert resend(product, discard=True, account="paris", **QUARANTINED) == {"discarded": 1}
    assert resend(product, **QUARANTINED) == {"resent": 1}
    product.work(quarantined)
    assert product.paris.unsubscribed_emails == []
    assert product.providers["lyon"].unsubscribed_emails == ["q0@example.com"]
    assert resend(product, id=quarantined, status="refused") == {"resent": 0}


@pytest.mark.seconds
@pytest.mark.parametrize(
    "wanted", [{"discard": True}, {"discard": "yes", **QUARANTINED}, {"discard": 1, **QUARANTINED}]
)
def test_only_quarantined_deliveries_are_discarded(product: Product, wanted: Any) -> None:
    flood(product)
    assert "discard" in resend(product, **wanted)["error"]["message"]


@pytest.mark.seconds
def test_a_released_unsubscribe_is_due_even_if_its_notification_is_lost(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    (quarantined,) = flood(product)
    enqueued(resources, "unsubscribes")
    monkeypatch.setattr(product.container.notifier, "notify", lambda *_: False)
    assert resend(product, **QUARANTINED) == {"resent": 2}
    monkeypatch.undo()
    assert product.container.sweeper.run() == {"enqueued": 2}
    assert enqueued(resources, "unsubscribes") == [quarantined] * 2


@pytest.mark.seconds
def test_a_delivery_deferred_by_a_worker_is_not_released(product: Product) -> None:
    (quarantined,) = flood(product)
    (seen,) = product.container.events.load([quarantined])
    product.clock.forward(hours=24)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(quarantined)
    requeues = Requeues(product.container)
    assert [requeues.release(seen, account, product.clock()) for account in ("paris", "lyon")] == [False, False]
    assert [requeues.discard(seen, account, product.clock()) for account in ("paris", "lyon")] == [False, False]
    assert (product.delivery(quarantined)["reason"], product.delivery(quarantined, "lyon")["status"]) == (
        "down",
        "delivered",
    )
    assert resend(product, **QUARANTINED) == {"resent": 0}, "it waits for the provider now, not for an operator"
