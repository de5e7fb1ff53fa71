"""Messages on the queues: unusual notifications, unusual events, and their limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, strategies as st

from chalicelib.domain.events import EventType
from tests.support.examples import examples
from tests.support.product import FakeContext, settings
from tests.support.reference import World

pytestmark = [pytest.mark.seconds, pytest.mark.no_cover, pytest.mark.usefixtures("one_thread_a_worker")]

JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE


def joins(world: World, persons: Sequence[str], account: str = "paris") -> list[str]:
    """Stored signups of several people."""
    return world.store(*(world.event(JOIN, person, 1, (account,)) for person in persons))


@pytest.mark.parametrize("ids", [["x" * 3000], ["\ud800"], [""], ["a b"], [7]], ids=repr)
def test_a_notification_with_impossible_ids_delays_no_event(world: World, ids: list[Any]) -> None:
    (event_id,) = joins(world, ["annabell"])
    world.work(event_id, bodies=({"event_ids": ids},))
    assert world.delivery(event_id)["status"] == "delivered"


def test_many_long_ids_are_split_over_queue_messages(world: World) -> None:
    sizes: list[int] = []
    world.queues.send_message_batch = lambda **request: (
        sizes.append(sum(len(entry["MessageBody"]) for entry in request["Entries"])) or {}
    )
    world.container.notifier.notify(JOIN, [f"{n:0128}" for n in range(5000)])
    assert sizes and max(sizes) <= 262_144


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
near_events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["signup", "unsubscribe", "sync", "x"]) | json_values,
        "id": st.sampled_from(["same", "e1"]) | json_values,
        "email": st.sampled_from(["a@example.com", "a\ud800@example.com", "@"]) | json_values,
        "form": st.just("footer") | json_values,
        "account": st.just("paris") | json_values,
        "list": st.just("4781") | json_values,
        "accounts": st.just(["paris", "lyon"]) | json_values,
        "fields": st.dictionaries(st.text(max_size=4) | st.just("\ud800"), json_values, max_size=2) | json_values,
        "occurred_at": st.sampled_from(["2026-03-01T09:00:00Z", "9999-12-31T23:59:59-23:59"]) | json_values,
        "consent": st.dictionaries(st.sampled_from(["ip", "at", "text"]), json_values) | json_values,
        "event_ids": json_values,
    },
)


@given(bodies=st.lists(near_events | json_values, max_size=4))
@hypothesis.settings(
    max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_message_crashes_a_worker_or_delays_other_messages(world: World, bodies: list[Any]) -> None:
    good = {"type": "signup", "form": "footer", "email": f"p{len(world.logged['paris'].log)}@example.org"}
    assert world.work(bodies=(*bodies, good)) == {"batchItemFailures": []}
    assert good["email"] in {email for _, email in world.logged["paris"].log}


def test_a_redelivered_conflicting_message_after_a_configuration_change_is_harmless(world: World) -> None:
    sent = {"attributes": {"SentTimestamp": "1772357400000"}, "messageId": "m1"}

    def come(body: dict[str, Any]) -> dict[str, Any]:
        record = {**sent, "body": json.dumps(body)}
        return world.container.worker.handle("unsubscribes", {"Records": [record]}, FakeContext())

    stored = {"type": "unsubscribe", "id": "taken", "email": "a@example.com", "accounts": ["lyon"]}
    assert world.work(bodies=(stored,)) == {"batchItemFailures": []}
    other = {**stored, "email": "b@example.com"}
    del other["accounts"]
    assert come(other) == {"batchItemFailures": []}
    accounts = {"lyon": world.settings.accounts["lyon"]}
    world.settings = settings(accounts=accounts, forms={})
    world.restart()
    assert come({**other, "accounts": ["lyon"]}) == {"batchItemFailures": []}
