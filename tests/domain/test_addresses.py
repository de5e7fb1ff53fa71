"""One person, one key, however the address is written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.addresses import keyed_hash, normalise

locals_ = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"], blacklist_characters="@"), min_size=1)
domains = locals_ | st.sampled_from(
    ["example.com", "exämple.com", "ＥＸＡＭＰＬＥ.com", "пример.example", "a..b", "-.-"]
)


@given(locals_, domains)
def test_the_normal_form_is_its_own(local: str, domain: str) -> None:
    once = normalise(f"{local}@{domain}")
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once.rpartition("@")[0])


@given(locals_, domains)
def test_every_spelling_in_unicode_meets(local: str, domain: str) -> None:
    whole = f"{local}@{domain}"
    forms = {normalise(unicodedata.normalize(form, whole)) for form in ("NFC", "NFD")}
    assert forms == {normalise(whole)} == {normalise(f"  {whole}\t")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.B+Tag@Example.COM", "a.b+tag@example.com"),
        ("zoe\u0301@example.com", "ZOÉ@example.com"),
        ("a@exämple.com", "A@XN--EXMPLE-CUA.COM"),
        ("a@ｅｘａｍｐｌｅ.com", "a@example.com"),
        ("a@example。com", "a@example.com"),
        ("J\u030c@example.com", "\u01f0@example.com"),
        ("straße@example.com", "STRAßE@example.com"),
    ],
)
def test_spellings_of_one_mailbox(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert keyed_hash(one, b"placeholder") == keyed_hash(other, b"placeholder")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a+b@example.com", "a@example.com"),
        ("a.b@example.com", "ab@example.com"),
        ("a@example.com", "a@mail.example.com"),
        ("straße@example.com", "strasse@example.com"),
    ],
)
def test_two_mailboxes_stay_two(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_another_key_shows_nothing_in_common() -> None:
    one, other = (keyed_hash("a@example.com", key) for key in (b"placeholder-1", b"placeholder-2"))
    assert one != other and len(one) == len(other) == 43
    assert "example" not in one
