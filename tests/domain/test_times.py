"""RFC 3339 times are parsed and formatted in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.times import (
    epoch_milliseconds,
    format_time,
    from_epoch_milliseconds,
    parse_time,
    to_milliseconds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01t09:30:00z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T09:30:00.5Z", datetime(2026, 3, 1, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T09:30:00.123999999Z", datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)),
        ("2026-03-01T10:30:00+01:00", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-02-28T23:30:00-10:30", datetime(2026, 3, 1, 10, 0, tzinfo=UTC)),
        ("2026-03-01T09:30:00-00:00", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T09:30Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01t10:30+01:00", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_rfc_3339_times_are_read(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-03-01T09:30:00",
        "2026-03-01 09:30:00Z",
        "2026-03-01T09:30",
        "2026-03-01T09:3Z",
        "2026-03-01T09Z",
        "2026-03-01T09:30:Z",
        "2026-03-01T09:30.5Z",
        "2026-03-01T09:30:00Z\n",
        "2026-02-30T09:30:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T09:30:61Z",
        "2026-03-01T09:30:00.Z",
        "2026-03-01T09:30:00+0100",
        "2026-03-01T09:30:00+24:00",
        "2026-03-01T09:30:00+01:60",
        "0000-03-01T09:30:00Z",
        "0001-01-01T00:00:00+23:59",
        "٢٠٢٦-03-01T09:30:00Z",
        "1772357400",
    ],
)
def test_other_times_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


def test_milliseconds_are_written_only_if_not_zero() -> None:
    paris = timezone(timedelta(hours=1))
    assert format_time(datetime(2026, 3, 1, 10, 30, tzinfo=paris)) == "2026-03-01T09:30:00Z"
    assert format_time(datetime(2026, 3, 1, 9, 30, 0, 7_999, tzinfo=UTC)) == "2026-03-01T09:30:00.007Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_stored_time_is_read_back_unchanged(moment: datetime) -> None:
    kept = to_milliseconds(moment)
    assert parse_time(format_time(moment)) == kept
    assert from_epoch_milliseconds(epoch_milliseconds(moment)) == kept


def test_milliseconds_out_of_range_are_rejected() -> None:
    with pytest.raises(ValueError, match="years"):
        from_epoch_milliseconds(10**18)
