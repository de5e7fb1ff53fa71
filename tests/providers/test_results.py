"""Readers of what providers answer, and masking."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chalicelib.providers.results import as_json, count, first, paris_time, text
from chalicelib.providers.transport.exchange import seconds_to_wait


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), (" 12 ", 12), ("12.0", 12), (3.0, 3), (-1, -1), ("0", 0)]
    + [(other, None) for other in (None, "", "n/a", "1,5", "1.5", 1.5, True, [], {}, "٣", "9" * 30, float("nan"))],
)
def test_counts_are_read(value: object, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("x", "x"), (7, "7"), (None, ""), (True, ""), (1.5, ""), (["x"], ""), ("", "")]
)
def test_texts_are_read(value: object, expected: str) -> None:
    assert text(value) == expected


def test_the_first_key_with_a_value_is_used() -> None:
    assert first({"name": None, "nom": "x"}, "name", "nom") == "x"
    assert first({"name": "", "nom": "x"}, "name", "nom") == ""
    assert first({}, "name") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-02-10 19:26:01.000000", "2021-02-10T18:26:01+00:00"),
        ("2021-07-10 00:30:00", "2021-07-09T22:30:00+00:00"),
        ("2021-10-31 02:30:00", "2021-10-31T00:30:00+00:00"),
        ("2021-02-10T19:26:01+00:00", "2021-02-10T19:26:01+00:00"),
    ],
)
def test_paris_times_are_read(value: str, expected: str) -> None:
    moment = paris_time(value)
    assert moment is not None and moment.isoformat() == expected


@pytest.mark.parametrize("value", [None, "", "0000-00-00 00:00:00", "soon", 7, [], "0001-01-01 00:00:00"])
def test_invalid_times_are_ignored(value: object) -> None:
    assert paris_time(value) is None


@pytest.mark.parametrize(
    "name",
    [
        "pass",
        "password",
        "Password",
        "UserPass",
        "api_key",
        "apiKey",
        "token",
        "tokenSubaccount",
        "shared_secret",
        "mdp",
    ],
)
def test_secrets_are_masked_by_name(name: str) -> None:
    assert as_json({"rows": [{name: "placeholder", "n": 1}]}) == {"rows": [{name: "***", "n": 1}]}


@pytest.mark.parametrize("name", ["passed", "pass_rate", "key", "monkey", "email"])
def test_other_names_are_not_masked(name: str) -> None:
    assert as_json({name: "x"}) == {name: "x"}


def test_an_absent_secret_is_shown_as_absent() -> None:
    assert as_json({"pass": "", "token": None}) == {"pass": "", "token": None}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("999999999", 86400.0),
        ("-5", None),
        ("soon", None),
        (None, None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header) == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 55, 60), (-60, 0, 0), (10**7, 86400, 86400)])
def test_retry_after_is_read_as_a_date(ahead: int, least: float, most: float) -> None:
    moment = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=ahead)
    found = seconds_to_wait(format_datetime(moment, usegmt=True))
    assert found is not None and least <= found <= most
