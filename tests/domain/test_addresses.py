"""The tables of docs/addresses.md, and properties of arbitrary texts."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from email_validator import validate_email
from hypothesis import example, given, strategies as st

from chalicelib.domain import addresses
from chalicelib.domain.addresses import (
    MAX_DECORATED,
    keyed_hash,
    normal_forms,
    normalise,
    readings,
    signup_address,
    undecorated,
    unsubscribe_address,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "addresses.md"
LONGEST = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + "." + "c" * 10
INVALID = ["422"]


def rows_of(section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    part = DOCUMENT.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith(("| ", "|-"))]
    assert len(lines) > 2, f"docs/addresses.md has no table under {section}"
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines[2:]]


def spans(cell: str) -> list[str]:
    """The texts of a cell; a cell without quotes as written."""
    found = [unescaped(span) for span in re.findall("`([^`]+)`", cell)]
    return found or ([cell] if cell else [])


def unescaped(text: str) -> str:
    text = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)
    return text.replace("\\t", "\t").replace("\\n", "\n")


@pytest.mark.parametrize(("sent", "expected"), rows_of("Signups"))
def test_signups(sent: str, expected: str) -> None:
    (text,) = spans(sent)
    address, error = signup_address(text)
    assert (INVALID if error else [address]) == spans(expected)


@pytest.mark.parametrize(("sent", "first", "second"), rows_of("Unsubscribes"))
def test_unsubscribes(sent: str, first: str, second: str) -> None:
    (text,) = spans(sent)
    address, error = unsubscribe_address(text)
    expected = [list(reading.spellings) for reading in readings(address)]
    assert ([INVALID] if error else expected) == [spans(cell) for cell in (first, second) if cell]


@pytest.mark.parametrize(("one", "other", "same"), rows_of("One mailbox or two"))
def test_one_mailbox_or_two(one: str, other: str, same: str) -> None:
    (first,), (second,) = spans(one), spans(other)
    assert (normalise(first) == normalise(second)) is (same == "yes")
    assert (keyed_hash(first, b"placeholder") == keyed_hash(second, b"placeholder")) is (same == "yes")


ODD = (
    "@@@  \t\n\"'<>.,;:?%+-_\\mailto"
    "\u200b\u200d\u00ad\ufeff\u00a0\u3000\u3002\u037e\uff20\uff0e\u2026\u0301\u0308ÜüßΣςİ☃é"
)
texts = st.text(st.characters(exclude_categories=[]), max_size=40) | st.text(ODD, max_size=40)
pieces = st.sampled_from(
    ["a", "Ana Roe", "@", "@", "example.com", "Müller.example", "XN--MLLER-KVA.example", "<", ">", '"', "'", " ",
     "\u200b", "mailto:", "MAILTO:",
     "%40", "%2B", "%20", "%22", "?subject=x", ".", ",", ";", "+", "\u037e", "\u200d", "«", "»"]
)  # fmt: skip
decorated = texts | st.lists(pieces, max_size=12).map("".join)


@given(decorated)
@example("mail to:a%20b@example.com")
@example("a@\u2132.example")
@example('\u200b"A B"@example.com')
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    assert undecorated(undecorated(text)) == undecorated(text)
    assert normalise(normalise(text)) == normalise(text)
    assert normalise(undecorated(text)) == normalise(text)
    assert readings(undecorated(text)) == readings(text)
    signup = signup_address(text).address
    assert signup_address(signup).address == signup


@given(decorated)
def test_all_spellings_of_a_reading_are_one_mailbox(text: str) -> None:
    expected = readings(text)
    assert 1 <= len(expected) <= 2
    for reading in expected:
        assert 1 <= len(reading.spellings) <= 3
        assert len(set(reading.spellings)) == len(reading.spellings)
        assert {normalise(spelling) for spelling in reading.spellings} == {reading.clean}
    assert normal_forms(text) == {reading.clean for reading in expected}


@given(decorated)
@example("<>@example.com")
@example("a@<b>")
def test_no_provider_is_told_decoration(text: str) -> None:
    address, error = unsubscribe_address(text)
    if error is not None:
        return
    for spelling in (spelling for reading in readings(address) for spelling in reading.spellings):
        local, _, domain = spelling.rpartition("@")
        outside = domain if local.startswith('"') and local.endswith('"') else spelling
        assert spelling.count("@") == 1
        assert undecorated(spelling) == spelling
        assert not any(unicodedata.category(one) == "Cf" and one not in "\u200c\u200d" for one in outside)
        assert not any(one.isspace() and one not in "\x0b\x0c\x1c\x1d\x1e\x1f\x85" for one in outside)
        assert not spelling.endswith((".", ",", ";")) and not spelling.lower().startswith("mailto:")
        assert not re.search("<[^<>]*@[^<>]*>$", spelling)


@pytest.mark.parametrize("text", ["@0\x1f\u200c0", "zoe@a\x1f\u200cb.example.com"])
def test_a_joiner_after_a_character_without_a_name_makes_an_invalid_address(text: str) -> None:
    assert signup_address(text).error is not None
    assert normalise(text) == readings(text)[0].clean


@given(decorated)
def test_a_valid_signup_is_told_as_one_reading(text: str) -> None:
    address, error = signup_address(text)
    if error is None:
        assert [reading.clean for reading in readings(address)] == [address]
        assert unsubscribe_address(address) == (address, None)


@given(decorated, st.sampled_from(["NFC", "NFD"]))
def test_the_form_of_unicode_does_not_matter(text: str, form: str) -> None:
    if '"' not in text:  # a quoted local part is not touched
        assert normalise(unicodedata.normalize(form, text)) == normalise(text)


@given(st.emails().map(str.lower) | st.text("ab-.+_@1", max_size=30).map(lambda text: f"{text}.com"))
@example("a@" + "b" * 64 + ".com")
@example("a@x.local")
@example("a@xn--zz.com")
def test_an_address_that_is_accepted_without_a_look_is_one_that_email_validator_accepts(address: str) -> None:
    if len(address) <= 254 and addresses._USUAL_SIGNUP.fullmatch(address):
        assert validate_email(address, check_deliverability=False, test_environment=True)


@given(decorated)
def test_any_text_is_handled_and_never_repeated_in_a_message(text: str) -> None:
    for _, error in (signup_address(text), unsubscribe_address(text)):
        assert error is None or len(text) < 8 or text not in error


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("", "must be an e-mail address"),
        (" \u200b ", "must be an e-mail address"),
        ("example.com", "exactly one @"),
        ("a@b@example.com", "exactly one @"),
        ("@example.com", "both sides"),
        ("a@", "both sides"),
        ("a\x00@example.com", "control characters"),
        ("a\x0bb@example.com", "control characters"),
        ("a\x85b@example.com", "control characters"),
        ("a\ud800@example.com", "control characters"),
        ("a" * 243 + "@example.com", "254 characters"),
        ("<" * MAX_DECORATED + "a@example.com", "254 characters"),
    ],
)
def test_impossible_addresses_are_rejected(address: str, error: str) -> None:
    assert error in (unsubscribe_address(address).error or "")
    assert error in (signup_address(address).error or "")


def test_lengths() -> None:
    assert signup_address(LONGEST) == (LONGEST, None)
    assert unsubscribe_address("a" * 242 + "@example.com").error is None
    assert signup_address("a@" + "b" * 64 + ".com").error == "is not a valid e-mail address"


def test_deep_decoration_costs_little() -> None:
    assert undecorated("<" * 900 + "'a@example.com'" + ">" * 900) == "a@example.com"
    assert undecorated("'" * 900 + "a@example.com" + "'" * 900) == "a@example.com"
    long = "'" * MAX_DECORATED + "a@example.com"
    assert undecorated(long) == long


def test_hashes_under_different_keys_have_nothing_in_common() -> None:
    one, other = (keyed_hash("a@example.com", key) for key in (b"placeholder-1", b"placeholder-2"))
    assert one != other and len(one) == len(other) == 43
    assert "example" not in one
