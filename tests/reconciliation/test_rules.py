from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chalicelib.reconciliation.rules import IndexEntry, PendingState, Progress, advanced, pass_to_run, pending_state

NIGHT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
NOW = int(NIGHT.timestamp())


def entry(after: float, part: str = "5-signup", account: str = "paris", **values: int) -> IndexEntry:
    """A place in the index, due so many seconds after `NIGHT`."""
    return IndexEntry(account, "text", part, 1000 * NOW + int(1000 * after), **values)


def test_a_pass_starts_at_two_in_the_morning() -> None:
    done = Progress("2026-03-01", complete=True)
    assert pass_to_run(done, NIGHT - timedelta(seconds=1)) is None
    assert pass_to_run(done, NIGHT) == Progress("2026-03-02")


@pytest.mark.parametrize(
    ("pages", "nights"), [(0, 1), (1, 1), (500, 1), (501, 2), (1500, 3), (3000, 6), (3001, 7), (50_000, 7)]
)
def test_a_large_ledger_is_read_less_often_but_every_week(pages: int, nights: int) -> None:
    done = Progress("2026-03-01", complete=True, pages=pages)
    next_one = NIGHT + timedelta(days=nights - 1)
    assert pass_to_run(done, next_one - timedelta(seconds=1)) is None
    assert pass_to_run(done, next_one) == Progress(f"2026-03-{1 + nights:02}")


def test_the_first_pass_starts_at_once() -> None:
    assert pass_to_run(None, NIGHT - timedelta(hours=1)) == Progress("2026-03-01")


@given(minutes=st.lists(st.integers(0, 2 * 24 * 60), max_size=60), pages=st.integers(1, 5))
def test_there_is_one_pass_a_day(minutes: list[int], pages: int) -> None:
    noted, begun = Progress("2026-03-01", complete=True), list[str]()
    for minute in sorted(minutes):
        going = pass_to_run(noted, NIGHT + timedelta(minutes=minute))
        if going is None:
            assert noted.complete
            continue
        begun += [going.day] if going.pages == 0 else []
        noted = advanced(going, None if going.pages + 1 >= pages else ("E#1", "E"))
    assert begun == sorted(set(begun))


def test_an_incomplete_pass_continues_the_next_day() -> None:
    going = Progress("2026-03-01", ("E#1", "E"), pages=7)
    assert pass_to_run(going, NIGHT + timedelta(hours=5)) == going
    assert advanced(going, None) == Progress("2026-03-01", None, True, 8)


@pytest.mark.parametrize(
    ("entry", "paused", "expected"),
    [
        (entry(-60), False, PendingState.FINE),
        (entry(60), False, PendingState.FINE),
        (entry(-3600), False, PendingState.OVERDUE),
        (entry(-3599.999), False, PendingState.FINE),
        (entry(-3600), True, PendingState.FINE),
        (entry(60, "4-unsubscribe"), True, PendingState.FINE),
        (entry(60, "1-refused"), True, PendingState.LOST),
        (entry(60, account="lyon"), True, PendingState.LOST),
        (IndexEntry(None, "5-signup#1772416860000", "5-signup", 1000 * NOW), True, PendingState.LOST),
        (IndexEntry("paris", None), True, PendingState.LOST),
        (IndexEntry("paris", "no sort key"), True, PendingState.LOST),
        (entry(60, expires_at=NOW), False, PendingState.LOST),
    ],
)
def test_the_repair_of_a_pending_delivery_is_decided(entry: IndexEntry, paused: bool, expected: PendingState) -> None:
    assert pending_state(entry, "paris", ["4-unsubscribe", "5-signup"], paused=paused, now=NIGHT) is expected
