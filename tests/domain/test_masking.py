"""Masking of addresses and secrets in texts."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.addresses import masked
from chalicelib.domain.secret_masking import is_secret_name, masked as masked_secret, pattern_of, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("anna@example.com", "a•••@example.com"),
        ("a@example.com", "a•••@example.com"),
        ("Émilie@example.com", "É•••@example.com"),
        ("e\u0301milie@example.com", "e\u0301•••@example.com"),
        ("\u0301anna@example.com", "a•••@example.com"),
        ("\u202eanna@example.com", "a•••@example.com"),
        ("\u200b \u00a0@example.com", "•••@example.com"),
        ("<b>@example.com", "<•••@example.com"),
        ("zoé@exämple.com", "z•••@exämple.com"),
        ("شخص@مثال.إختبار", "ش•••@مثال.إختبار"),
        ("anna@exa\u202emple\u200b.com", "a•••@example.com"),
        ("x" + "\u0301" * 60 + "@example.com", "x" + "\u0301" * 4 + "•••@example.com"),
        ("a@" + "d" * 240, "a•••@" + "d" * 240),
    ],
)
def test_the_first_letter_and_the_domain_are_shown(address: str, shown: str) -> None:
    assert masked(address) == shown


@given(st.text(min_size=2, max_size=60), st.text(min_size=1, max_size=60))
def test_the_rest_of_the_local_part_is_never_shown(local: str, domain: str) -> None:
    shown = masked(f"{local}@{domain}")
    name, _, _ = shown.partition("•••@")
    assert len(name) <= 5
    assert "•••@" in shown
    assert not any(character in shown for character in "\n\r\t \u202e\u200f")


def test_every_spelling_of_a_secret_is_masked() -> None:
    secret = "place holder/é"
    spellings = ("place%20holder%2F%C3%A9", "place%20holder/%c3%a9", "place+holder%2F%C3%A9", "place holder/\\u00e9")
    for spelling in (secret, *spellings, hashlib.md5(secret.encode()).hexdigest().upper()):
        assert without_secrets(f"wrong key {spelling}!", secret) == "wrong key ***!"
    assert without_secrets("as it is", "", " ") == "as it is"


@pytest.mark.seconds
def test_a_secret_is_masked_at_its_place_after_any_character() -> None:
    every = "".join(map(chr, range(0x11_0000)))
    pattern = pattern_of(["fedcba", "\u0130x"])
    assert pattern is not None
    assert masked_secret(every + " key FEDCBA!", pattern) == every + " key ***!"
    assert masked_secret("\u0130X ix", pattern) == "*** ***"


@pytest.mark.parametrize("name", ["pass", "UserPass", "Passwort", "x-api-key", "sessionKey", "Set-Cookie", "PWD"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["passed", "pass_rate", "key", "mdp_count", "email"])
def test_names_of_anything_else(name: str) -> None:
    assert not is_secret_name(name)
