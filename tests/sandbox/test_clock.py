"""The sandbox's clock, and Paris time without a time zone database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.sandbox.clock import SandboxClock, paris


@pytest.mark.parametrize(
    ("utc", "shown"),
    [
        ("2026-01-15T12:00:00", "2026-01-15T13:00:00"),
        ("2026-07-15T12:00:00", "2026-07-15T14:00:00"),
        ("2026-03-29T00:59:59", "2026-03-29T01:59:59"),
        ("2026-03-29T01:00:00", "2026-03-29T03:00:00"),
        ("2026-10-25T00:59:59", "2026-10-25T02:59:59"),
        ("2026-10-25T01:00:00", "2026-10-25T02:00:00"),
        ("2027-10-31T01:00:00", "2027-10-31T02:00:00"),
        ("2026-12-31T23:30:00", "2027-01-01T00:30:00"),
    ],
)
def test_dates_are_in_paris_time(utc: str, shown: str) -> None:
    assert paris(datetime.fromisoformat(utc + "+00:00")).isoformat() == shown


def test_a_clock_can_be_stopped_moved_and_started() -> None:
    clock = SandboxClock()
    clock.freeze(True)
    stood = clock.now()
    clock.advance(3600)
    assert clock.now() == stood + timedelta(hours=1)
    clock.freeze(False)
    assert timedelta(hours=1) <= clock.now() - stood < timedelta(hours=1, seconds=30)
    clock.reset()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=30)
