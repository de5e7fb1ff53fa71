from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.addresses import address_error

LONGEST = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + "." + "c" * 10


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com",
        "A.b+tag@Example.COM",
        "zoé@exämple.com",
        "a@x.example",
        "a@b.test",
        "o'neil@example.com",
        LONGEST,
    ],
)
def test_addresses_that_may_sign_up(address: str) -> None:
    assert address_error(address, strict=True) is None
    assert address_error(address) is None


@pytest.mark.parametrize(
    "address",
    ["a b@example.com", "a..b@example.com", "a@localhost", "a@-example.com", '"a b"@example.com', "a@[192.0.2.1]",
     "a@example", "a​@example.com", "<a@example.com>", "a@x.invalid"],
)  # fmt: skip
def test_strange_addresses_may_leave_but_not_sign_up(address: str) -> None:
    assert address_error(address) is None
    assert address_error(address, strict=True) == "is not a valid e-mail address"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "must be an e-mail address"),
        ("example.com", "exactly one @"),
        ("a@b@example.com", "exactly one @"),
        ("@example.com", "both sides"),
        ("a@", "both sides"),
        ("a\x00@example.com", "control characters"),
        ("a\nb@example.com", "control characters"),
        ("a\x85b@example.com", "control characters"),
        ("a\ud800@example.com", "control characters"),
        ("a" * 243 + "@example.com", "254 characters"),
    ],
)
def test_addresses_that_nobody_can_have(address: str, message: str) -> None:
    assert message in (address_error(address) or "")
    assert message in (address_error(address, strict=True) or "")


def test_254_characters_may_leave() -> None:
    assert address_error("a" * 242 + "@example.com") is None


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_no_text_raises_and_no_message_repeats_it(text: str) -> None:
    for message in (address_error(text, strict=True), address_error(text)):
        assert message is None or len(text) < 8 or text not in message
