"""The language of a page is chosen by `Accept-Language`."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from chalicelib.web.languages import preferred

OFFERED = ("fr", "nl", "en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("fr", "fr"),
        ("nl-BE", "nl"),
        ("fr-BE,fr;q=0.9,nl;q=0.8,en;q=0.7", "fr"),
        ("nl-BE,nl;q=0.9,en-US;q=0.8,en;q=0.7", "nl"),
        ("EN-gb", "en"),
        ("en-US,en;q=0.5", "en"),
        ("de-DE,de;q=0.9,en;q=0.8", "en"),
        ("de,nl;q=0.3,en;q=0.4", "en"),
        ("nl,en", "nl"),
        ("en,nl", "en"),
        ("de", "fr"),
        ("de,*;q=0.5", "fr"),
        ("fr;q=0,*", "nl"),
        ("fr;q=0", "fr"),
        ("fr;q=0.1, nl;q=0.1, *;q=0.9", "en"),
        ("nl;q=1.000,fr;q=0.999", "nl"),
        ("nl-BE;q=0.2, fr;q=0.5, nl;q=0.8", "nl"),
        ("nl ; q = 0.2 , en ; q = 0.1", "nl"),
        ("nl;q=2, en", "en"),
        ("nl;level=1, en;q=0.1", "en"),
        (",,;;q=,nl", "nl"),
        ("frisian, nl;q=0.1", "nl"),
        ("é, \x00, en;q=0.1", "en"),
    ],
)
def test_the_preferred_language_is_chosen(header: str, language: str) -> None:
    assert preferred(header, OFFERED, "fr") == language


@given(st.text())
def test_any_header_gives_a_language(header: str) -> None:
    assert preferred(header, OFFERED, "fr") in OFFERED
