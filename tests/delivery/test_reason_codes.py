"""The stable codes beside reasons: by the kind of failure, by what the provider's client knows, and with a pause."""

from __future__ import annotations

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Delivery
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger.attributes import Attributes
from chalicelib.ledger.event_items import delivery_from
from tests.support.product import FakeContext, Product, settings

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProviderError(Kind.CONTACT, "no"), "refused", "rejected_by_provider"),
        (ProviderError(Kind.CALLER, "no"), "refused", "request_rejected"),
        (ProviderError(Kind.CONTACT, "no", reason_code=ReasonCode.UNKNOWN_FIELD), "refused", "unknown_field"),
        (ProviderError(Kind.ACCOUNT, "no"), "pending", "account_refused"),
        (ProviderError(Kind.ACCOUNT, "no", list_only=True), "pending", "unknown_list"),
        (ProviderError(Kind.LATER, "no"), "pending", "provider_down"),
        (ProviderError(Kind.UNKNOWN, "no"), "pending", "outcome_unknown"),
    ],
)
def test_a_failure_has_the_code_of_its_kind_unless_more_is_known(
    product: Product, error: ProviderError, status: str, code: str
) -> None:
    product.paris.rule = lambda *_: error
    (event_id,) = product.store(product.signup("a@example.com"))
    product.work(event_id)
    shown = product.delivery(event_id)
    assert (shown["status"], shown["reason"], shown["reason_code"]) == (status, "no", code)


def test_what_waits_untried_behind_a_pause_shows_the_code_of_the_pause(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "no", reason_code=ReasonCode.WRONG_KEY)
    tried, untried = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    product.work(tried)
    assert product.delivery(untried)["reason_code"] == "wrong_key"


def test_a_delivery_that_is_given_up_keeps_the_code_and_loses_it_when_it_is_sent_again(product: Product) -> None:
    product.settings = settings(delivery=RetryPolicy(give_up_after_hours=1))
    product.restart()
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "no", reason_code=ReasonCode.WRONG_KEY)
    tried, untried = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    product.work(tried)
    product.clock.forward(hours=1.1)
    product.work(tried)
    product.work(untried)
    shown = [product.delivery(event_id) for event_id in (tried, untried)]
    assert [(one["status"], one["reason_code"]) for one in shown] == [("parked", "wrong_key")] * 2
    product.paris.rule = None
    assert product.container.resend({"status": "parked"}, FakeContext()) == {"resent": 2}
    product.clock.forward(minutes=2)
    product.work(tried, untried)
    shown = [product.delivery(event_id) for event_id in (tried, untried)]
    assert [(one["status"], one["reason"], one["reason_code"]) for one in shown] == [("delivered", None, None)] * 2


@pytest.mark.seconds
def test_a_list_that_refuses_everybody_and_an_account_that_is_gone_have_codes(product: Product) -> None:
    product.paris.rule = lambda verb, _: ProviderError(Kind.CONTACT, "full") if verb == "sign_up" else None
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(30)))
    product.work(*ids)
    assert product.delivery(ids[0])["reason_code"] == "list_refuses_all"
    product.settings = settings(accounts={})
    product.restart()
    product.clock.forward(minutes=1)
    product.work(ids[0])
    shown = product.delivery(ids[0])
    assert (shown["status"], shown["reason_code"]) == ("parked", "account_removed")


def test_a_suppressed_signup_has_a_code(product: Product) -> None:
    product.work(*product.store(product.unsubscribe("a@example.com")))
    product.clock.forward(minutes=1)
    (back,) = product.store(product.signup("a@example.com", may_lift_suppression=False))
    product.work(back)
    assert product.delivery(back)["reason_code"] == "suppressed"


def test_a_code_of_a_newer_release_is_passed_over() -> None:
    item = {"pk": "E#a", "sk": "E", "status": "refused", "reason": "no", "reason_code": "of_tomorrow"}
    read = delivery_from("paris", Attributes(item))
    assert read.reason == "no" and read == Delivery("paris", read.status, reason="no")
