from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.domain.events import Delivery, Status

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_delivery_waits_for_its_release_until_its_time_has_come() -> None:
    waiting = Delivery("paris", reason="quarantined", next_attempt_at=NOON, quarantined=True)
    assert waiting.waits_for_release(NOON - timedelta(milliseconds=1))
    assert not waiting.waits_for_release(NOON)
    assert not Delivery("paris", next_attempt_at=NOON).waits_for_release(NOON - timedelta(hours=1))
    assert not Delivery("paris", Status.DELIVERED, quarantined=True).waits_for_release(NOON - timedelta(hours=1))
