"""Which deliveries share a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chalicelib.delivery.batching import Task, by_account
from chalicelib.domain.events import Delivery, Event, EventType

START = datetime(2026, 3, 1, tzinfo=UTC)


def task(number: int, type: EventType, account: str, list_id: str, minute: int) -> Task:
    at = START + timedelta(minutes=minute)
    listed = list_id if type is EventType.SIGNUP else None
    return Task(Event(f"e{number}", type, "a@example.com", (account,), at, START, list=listed), Delivery(account))


tasks = st.lists(
    st.builds(
        task,
        st.integers(0, 30),
        st.sampled_from([EventType.SIGNUP, EventType.UNSUBSCRIBE]),
        st.sampled_from(["paris", "lyon"]),
        st.sampled_from(["1", "2"]),
        st.integers(0, 9),
    ),
    max_size=30,
)


@given(tasks)
def test_every_delivery_is_in_exactly_one_batch_of_its_kind(given_tasks: list[Task]) -> None:
    grouped = by_account(given_tasks)
    seen = []
    for account, groups in grouped.items():
        for group in groups:
            assert group.account == account and group.tasks
            for one in group.tasks:
                assert (one.account, one.event.type) == (account, group.event_type) and one.event.list == group.list
                seen.append((one.event.id, account))
    assert sorted(seen) == sorted({(one.event.id, one.account) for one in given_tasks})


@given(tasks)
def test_unsubscribes_come_first_and_all_in_order_of_occurrence(given_tasks: list[Task]) -> None:
    for groups in by_account(given_tasks).values():
        verbs = [group.event_type for group in groups]
        assert verbs == sorted(verbs, key=lambda verb: verb is EventType.SIGNUP)
        assert len({(group.event_type, group.list) for group in groups}) == len(groups)
        for group in groups:
            times = [one.event.occurred_at for one in group.tasks]
            assert times == sorted(times)


def test_other_event_types_are_never_batched_as_unsubscribes() -> None:
    with pytest.raises(ValueError, match="event e1 is a sync"):
        by_account([task(1, EventType.SYNC, "paris", "1", 0)])
