"""An unsubscribe reaches every spelling that a provider may hold, by one call each; the clean spelling decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from tests.support.dynamodb_backends import on_both
from tests.support.product import START, Product
from tests.support.provider import Rule

MINUTE = timedelta(minutes=1)
CLEAN, UNICODE, TYPED = "ana@xn--mller-kva.example", "ana@müller.example", "Ana@Müller.example"
pytestmark = on_both


def fails(kind: Kind, *addresses: str) -> Rule:
    def rule(verb: str, emails: Sequence[str]) -> ProviderError | None:
        return ProviderError(kind, "not this one") if set(emails) & set(addresses) else None

    return rule


def test_every_spelling_is_told_once_the_clean_one_first(product: Product) -> None:
    leave = product.unsubscribe(TYPED)
    product.work(*product.store(leave))
    assert product.paris.unsubscribed_emails == [CLEAN, UNICODE, TYPED]
    assert product.paris.calls_of("unsubscribe") == 3
    assert (product.delivery(leave.id)["status"], product.delivery(leave.id)["attempts"]) == ("delivered", 1)


def test_a_usual_address_takes_one_call(product: Product) -> None:
    product.work(*product.store(product.unsubscribe("ana@example.com")))
    assert product.paris.unsubscribed_emails == ["ana@example.com"]


@pytest.mark.parametrize("kind", [Kind.CONTACT, Kind.CALLER])
def test_a_refusal_of_another_spelling_means_that_it_is_not_held(product: Product, kind: Kind) -> None:
    product.paris.rule = fails(kind, UNICODE, TYPED)
    leave = product.unsubscribe(TYPED)
    product.work(*product.store(leave))
    assert product.paris.unsubscribed_emails == [CLEAN]
    assert product.delivery(leave.id)["status"] == "delivered"


def test_a_refusal_of_the_clean_spelling_decides_and_the_others_are_told_all_the_same(product: Product) -> None:
    product.paris.rule = fails(Kind.CONTACT, CLEAN)
    leave = product.unsubscribe(TYPED)
    product.work(*product.store(leave))
    assert product.paris.unsubscribed_emails == [UNICODE, TYPED]
    assert (product.delivery(leave.id)["status"], product.delivery(leave.id)["reason"]) == ("refused", "not this one")


@pytest.mark.parametrize("spelling", [CLEAN, UNICODE, TYPED])
@pytest.mark.parametrize("kind", [Kind.LATER, Kind.UNKNOWN, Kind.ACCOUNT])
def test_a_failure_that_may_pass_is_tried_again(product: Product, kind: Kind, spelling: str) -> None:
    product.paris.rule = fails(kind, spelling)
    leave = product.unsubscribe(TYPED)
    product.work(*product.store(leave))
    assert product.delivery(leave.id)["status"] == "pending"
    product.paris.rule, product.paris.unsubscribed_emails[:] = None, []
    product.clock.forward(hours=2)
    product.work(leave.id)
    assert product.delivery(leave.id)["status"] == "delivered"
    assert product.paris.unsubscribed_emails == [CLEAN, UNICODE, TYPED]


def test_both_readings_are_told_and_both_stay_unsubscribed(product: Product) -> None:
    leave = product.unsubscribe("Ana roe@example.com", START)
    product.work(*product.store(leave))
    first, second = ["ana+roe@example.com", "Ana+roe@example.com"], ["anaroe@example.com", "Anaroe@example.com"]
    assert product.paris.unsubscribed_emails == first + second
    assert product.delivery(leave.id)["status"] == "delivered"
    for email in ("ana+roe@example.com", "anaroe@example.com"):
        join = product.signup(email, START - MINUTE)
        product.work(*product.store(join))
        assert product.delivery(join.id)["status"] == "superseded"
    assert product.paris.emails == []


def test_of_two_readings_one_that_is_accepted_is_enough(product: Product) -> None:
    product.paris.rule = fails(Kind.CONTACT, "v1+news@example.com")
    one = product.unsubscribe("v1 news@example.com")
    product.work(*product.store(one))
    assert (product.paris.unsubscribed_emails, product.delivery(one.id)["status"]) == (
        ["v1news@example.com"],
        "delivered",
    )
    product.paris.rule = fails(Kind.CONTACT, "v1+news@example.com", "v1news@example.com")
    neither = product.unsubscribe("v1 news@example.com")
    product.work(*product.store(neither))
    assert product.delivery(neither.id)["status"] == "refused"


def test_a_reading_that_signed_up_later_is_left_out(product: Product) -> None:
    product.work(*product.store(product.signup("v1news@example.com", START)))
    leave = product.unsubscribe("v1 news@example.com", START - MINUTE)
    product.work(*product.store(leave))
    assert (product.paris.unsubscribed_emails, product.delivery(leave.id)["status"]) == (
        ["v1+news@example.com"],
        "delivered",
    )


def test_two_readings_that_signed_up_later_supersede_the_unsubscribe(product: Product) -> None:
    for email in ("v1news@example.com", "v1+news@example.com"):
        product.work(*product.store(product.signup(email, START)))
    leave = product.unsubscribe("v1 news@example.com", START - MINUTE)
    product.work(*product.store(leave))
    assert (product.paris.unsubscribed_emails, product.delivery(leave.id)["status"]) == ([], "superseded")


def test_two_readings_for_all_accounts(product: Product) -> None:
    leave = product.unsubscribe("v1 news@example.com", accounts=("paris", "lyon"), all_accounts=True)
    product.work(*product.store(leave))
    for account in ("paris", "lyon"):
        assert product.delivery(leave.id, account)["status"] == "delivered"
        assert product.providers[account].unsubscribed_emails == ["v1+news@example.com", "v1news@example.com"]


def test_a_signup_is_told_by_its_clean_address_after_an_unsubscribe_in_another_spelling(product: Product) -> None:
    product.work(*product.store(product.unsubscribe(UNICODE, START)))
    join = product.signup(CLEAN, START - MINUTE)
    product.work(*product.store(join))
    assert product.delivery(join.id)["status"] == "superseded"
