"""Unsubscribes as real senders write them end at every account under the spelling that the person signed up with."""

from __future__ import annotations

import pytest

from tests.support.product import Product

FIELD_1 = (
    ("a@example.com", "\u200ba@example.com"),
    ("a@example.com", "a@example.com\ufeff"),
    ("a@example.com", "a\u2060@example.com"),
    ("a@example.com", "a@\u200bexample.com"),
    ("a@example.com", "\u00ada@example.com"),
    ("ana@example.com", "an\u00ada@example.com"),
    ("a@example.com", "\u202aa@example.com\u202c"),
)
FIELD_2 = (
    ("a@example.com", "a@example.com."),
    ("a@example.com", "a@example.com,"),
    ("a@example.com", "Ana Roe <a@example.com>"),
    ("v1+news@example.com", "v1 news@example.com"),
    ("a@example.com", "a @example.com"),
    ("a@example.com", "mailto:a@example.com?subject=stop"),
    ("a@example.com", '"a@example.com";'),
    ("a@example.com", "<a@example.com>"),
)
FIELD_3 = (
    ("a@müller.example", "a@xn--mller-kva.example"),
    ("a@xn--mller-kva.example", "a@müller.example"),
    ("a@straße.example", "a@xn--strae-oqa.example"),
    ("a@xn--strae-oqa.example", "a@straße.example"),
    ("a@MÜLLER.example", "A@XN--MLLER-KVA.EXAMPLE"),
    ("a@mu\u0308ller.example", "a@müller.example"),
    ("a@пример.example", "a@xn--e1afmkfd.example"),
)


@pytest.mark.parametrize(
    ("signed_up", "left"),
    [
        pytest.param(*pair, id=f"field-{number}-{index}")
        for number, pairs in ((1, FIELD_1), (2, FIELD_2), (3, FIELD_3))
        for index, pair in enumerate(pairs)
    ],
)
def test_the_address_that_was_signed_up_is_unsubscribed_at_every_account(
    product: Product, signed_up: str, left: str
) -> None:
    product.work(bodies=({"type": "signup", "account": "paris", "list": "4781", "email": signed_up},))
    (told,) = product.paris.emails
    product.clock.forward(minutes=1)
    product.work(bodies=({"type": "unsubscribe", "email": left},), queue="unsubscribes")
    for provider in product.providers.values():
        assert told in provider.unsubscribed_emails
