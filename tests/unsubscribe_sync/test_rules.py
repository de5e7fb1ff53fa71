from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

from hypothesis import given, strategies as st

from chalicelib.config.model import Form
from chalicelib.domain.events import Delivery, Status
from chalicelib.ingestion.form_limits import count_unsubscribe, quarantine_unsubscribe

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Counter:
    """A table whose next count of a form's unsubscribes is `number`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.keys: list[tuple[str, str]] = []

    def update(self, key: tuple[str, str], *_: Any) -> dict[str, int]:
        self.keys.append(key)
        return {"unsubscribes": self.number}


@given(brought=st.integers(1, 1000), limit=st.integers(0, 1000))
def test_exactly_the_excess_over_the_limit_waits_for_a_day(brought: int, limit: int) -> None:
    form = Form("footer", "paris", "4781", "email", {}, unsubscribes_per_hour=limit)
    waits = quarantine_unsubscribe(cast(Any, Counter(brought)), form, NOON)
    assert (waits is None) == (brought <= limit)
    if waits is not None:
        assert waits.until == NOON + timedelta(hours=24)
        assert "footer" in waits.reason
        assert f" {limit} " in waits.reason


def test_hours_are_counted_in_utc() -> None:
    paris, table = timezone(timedelta(hours=1)), Counter(1)
    count_unsubscribe(cast(Any, table), "footer", datetime(2026, 3, 1, 0, 59, 59, 999_999, tzinfo=paris))
    assert table.keys == [("S#form#footer", "2026-02-28T23:00:00Z")]


def test_a_delivery_waits_for_its_release_until_its_time_has_come() -> None:
    waiting = Delivery("paris", reason="quarantined", next_attempt_at=NOON, quarantined=True)
    assert waiting.waits_for_release(NOON - timedelta(milliseconds=1))
    assert not waiting.waits_for_release(NOON)
    assert not Delivery("paris", next_attempt_at=NOON).waits_for_release(NOON - timedelta(hours=1))
    assert not Delivery("paris", Status.DELIVERED, quarantined=True).waits_for_release(NOON - timedelta(hours=1))
