"""A person is found in the text of a refused message, whatever stands next to the address."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import normal_forms
from chalicelib.domain.kept_bodies import mentions

ZOE = normal_forms("zoe@example.com")


@pytest.mark.parametrize(
    "text",
    [
        *("Ana|zoe@example.com|x", "zoe@example.com|other@example.com", "*zoe@example.com*", "zoe@example.com!"),
        *("#zoe@example.com", "zoe@example.com#y", "zoe@example.com\u2026", "zoe@example.com\u3001x"),
        *("zoe@example.com\u2019", "\u2013zoe@example.com", "zoe@example.com\x00", "zoe@example.com\\nx"),
        *("name\\tzoe@example.com", "zoe@example.com\\r\\n", "email=zoe%40example.com", "ZOE @ example.com"),
    ],
)
def test_the_characters_next_to_an_address_hide_nobody(text: str) -> None:
    assert mentions({"x": text}, ZOE)
    assert mentions([{"y": [text]}], ZOE)


@pytest.mark.parametrize("text", ["", "joe@example.com", "zoe@example.org", "azoe@example.com", "zoe@example.comx"])
def test_another_address_is_not_the_persons(text: str) -> None:
    assert not mentions({"x": text}, ZOE)
