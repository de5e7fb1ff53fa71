"""`resume`: an operator ends a pause, and what waited is tried at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import RetryPolicy, Source
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Status
from chalicelib.ledger.quarantine import QuarantineStore
from tests.contract.scripted import Scripted, answer
from tests.operators.support import enqueued, report
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product, settings

HOUR = RetryPolicy(first_retry_seconds=3600)
"""So long lasts a first pause, and so long a failed delivery waits: no test may get by with a short one."""


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product(settings(delivery=HOUR))


def resume(product: Product, **wanted: Any) -> dict[str, Any]:
    return product.container.resume(wanted, FakeContext())


def paused(product: Product, kind: Kind = Kind.ACCOUNT, **changes: Any) -> list[str]:
    """Three signups, the first two tried and failed, the account (or list) paused for an hour by them."""
    product.paris.rule = lambda *_: ProviderError(kind, "refused", **changes)
    ids = product.store(*(product.signup(f"{name}@example.com") for name in ("a", "b", "c")))
    product.work(*ids[:2])
    product.paris.rule = None
    return ids


def test_after_a_mended_key_everything_that_waited_is_delivered_at_once(product: Product, resources: TestAws) -> None:
    ids = paused(product)
    assert product.container.sweeper.run() == {"enqueued": 0}, "it is paused for an hour"
    assert report(product)["accounts"]["paris"]["paused"] is not None
    assert resume(product, account="paris") == {"resumed": True, "enqueued": 3}
    assert report(product)["accounts"]["paris"]["paused"] is None
    assert enqueued(resources) == sorted(ids)
    product.work(*ids)
    assert product.paris.emails == ["a@example.com", "b@example.com", "c@example.com"]
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"delivered"}


def test_what_was_resumed_is_due_in_case_its_notification_is_lost(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(product)
    monkeypatch.setattr(product.container.notifier, "notify", lambda *_: False)
    assert resume(product, account="paris") == {"resumed": True, "enqueued": 0}
    monkeypatch.undo()
    assert product.container.sweeper.run() == {"enqueued": 3}


def test_paused_lists_are_resumed_with_their_account(product: Product, resources: TestAws) -> None:
    ids = paused(product, list_only=True)
    assert report(product)["accounts"]["paris"]["paused"]["lists"] == ["4781"]
    assert resume(product, account="paris") == {"resumed": True, "enqueued": 3}
    assert report(product)["accounts"]["paris"]["paused"] is None
    product.work(*ids)
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"delivered"}


def test_a_failure_after_it_pauses_as_the_first_one_did(product: Product) -> None:
    ids = paused(product)
    resume(product, account="paris")
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "still refused")
    product.work(*ids)
    state = product.container.accounts.read("paris").pause
    assert state is not None
    assert (state.failures, state.reason) == (1, "still refused")


def test_an_account_that_is_not_paused_is_only_enqueued(product: Product, resources: TestAws) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    assert resume(product, account="paris") == {"resumed": False, "enqueued": 1}
    assert enqueued(resources) == [event_id]
    assert resume(product, account="lyon") == {"resumed": False, "enqueued": 0}


def test_quarantined_unsubscribes_stay_quarantined(product: Product, resources: TestAws) -> None:
    event = product.unsubscribe("a@example.com")
    product.store(event)
    until = product.clock() + timedelta(days=1)
    assert QuarantineStore(product.container.table).quarantine(event, "paris", until, product.clock())
    assert resume(product, account="paris") == {"resumed": False, "enqueued": 0}
    assert product.delivery(event.id)["reason"] == "quarantined"


def test_after_an_unknown_outcome_the_account_is_asked_before_a_signup_is_repeated(product: Product) -> None:
    ids = paused(product, Kind.UNKNOWN)
    assert resume(product, account="paris") == {"resumed": True, "enqueued": 3}
    product.work(*ids)
    assert product.paris.calls_of("probe") == 1
    assert report(product)["accounts"]["paris"]["paused"] is None
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"delivered"}


@pytest.mark.server
def test_a_sync_that_waits_for_its_next_attempt_is_tried_at_once(resources: TestAws) -> None:
    with Scripted([answer(b"", 503)], otherwise=answer(b"email\na@example.com\n")) as host:
        source = Source("crm", f"{host.url}/export.csv", "paris", "4781", allow_private=True)
        product = Product(settings(delivery=HOUR, sources={"crm": source}))
        product.work(bodies=({"type": "sync", "id": "sync-1", "kind": "contacts", "source": "crm"},), queue="syncs")
        product.work("sync-1", queue="syncs")
        assert product.delivery("sync-1")["status"] == "pending", "it is not due yet"
        assert resume(product, account="paris") == {"resumed": False, "enqueued": 1}
        product.work("sync-1", queue="syncs")
        assert product.delivery("sync-1")["status"] == "delivered"


def test_wrong_calls_are_explained(product: Product) -> None:
    for wanted, message in (
        ({"account": "pari"}, "there is no account 'pari': did you mean 'paris'?"),
        ({}, "account is missing: it is one of paris, lyon"),
        ({"account": "paris", "list": "4781"}, "there is no key 'list': there are account"),
    ):
        error = resume(product, **wanted)["error"]
        assert (error["kind"], error["message"]) == ("caller", message)


def test_a_failing_ledger_is_reported_and_a_second_call_goes_on(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(product)

    def fails(*_: object) -> None:
        raise LedgerUnavailable("throttled")

    monkeypatch.setattr(product.container.events, "due", fails)
    answer = resume(product, account="paris")
    assert (answer["resumed"], answer["enqueued"]) == (True, 0)
    assert answer["error"] == {"kind": "later", "message": "throttled; call again for the rest", "provider_code": None}
    monkeypatch.undo()
    assert resume(product, account="paris") == {"resumed": False, "enqueued": 3}


def test_final_deliveries_are_left_alone(product: Product, resources: TestAws) -> None:
    ids = paused(product)
    resume(product, account="paris")
    product.work(*ids)
    enqueued(resources)
    assert resume(product, account="paris") == {"resumed": False, "enqueued": 0}
    assert product.delivery(ids[0])["status"] == Status.DELIVERED.value
