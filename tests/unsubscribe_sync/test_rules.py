from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, strategies as st

from chalicelib.domain.events import Delivery, Status
from chalicelib.domain.limits import clock_hour, quarantine_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@given(brought=st.integers(1, 1000), limit=st.integers(0, 1000))
def test_exactly_what_comes_above_the_limit_waits_for_a_day(brought: int, limit: int) -> None:
    waits = quarantine_of("footer", brought, limit, NOON)
    assert (waits is None) == (brought <= limit)
    if waits is not None:
        assert waits.until == NOON + timedelta(hours=24)
        assert "footer" in waits.reason
        assert f" {limit} " in waits.reason


def test_hours_are_those_of_utc() -> None:
    paris = timezone(timedelta(hours=1))
    assert clock_hour(datetime(2026, 3, 1, 0, 59, 59, 999_999, tzinfo=paris)) == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_a_delivery_waits_for_its_release_until_its_time_has_come() -> None:
    waiting = Delivery("paris", reason="held back", next_attempt_at=NOON, quarantined=True)
    assert waiting.waits_for_release(NOON - timedelta(milliseconds=1))
    assert not waiting.waits_for_release(NOON)
    assert not Delivery("paris", next_attempt_at=NOON).waits_for_release(NOON - timedelta(hours=1))
    assert not Delivery("paris", Status.DELIVERED, quarantined=True).waits_for_release(NOON - timedelta(hours=1))
