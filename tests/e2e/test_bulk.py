"""Many signups need few calls, by every entry point."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.world import Ediware, event, put_on_queue, submit
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

WINDOW_SECONDS = 4.0
ROWS_A_CALL = 255


@pytest.fixture
def running(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """With batch windows as the template has them."""
    yield shared_stack.reset(template_windows=True)
    shared_stack.idle()


def addresses(count: int) -> list[str]:
    return [f"person{number}@example.com" for number in range(count)]


@pytest.mark.parametrize("count", [400, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_events_on_the_queue_take_few_calls(running: MovableStack, ediware: Ediware, count: int) -> None:
    people, before = addresses(count), ediware.emails().total()
    put_on_queue(running.aws, "signups", ({"type": "signup", "form": "footer", "email": email} for email in people))
    wait_for(lambda: running.aws.waiting("relais-local-signups") == 0)
    running.forward(WINDOW_SECONDS)
    wait_for(lambda: ediware.emails().total() == before + count, 60)
    assert ediware.calls("list_insert") <= count / ROWS_A_CALL + 2  # a window may end in the middle
    assert set(ediware.emails().values()) == {1}


@pytest.mark.parametrize("count", [150, pytest.param(450, marks=pytest.mark.slow)])
def test_many_posts_take_few_calls(running: MovableStack, ediware: Ediware, count: int) -> None:
    people, before = addresses(count), ediware.emails().total()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda email: submit(running, "signup", {"email": email}), people))
    assert {answer.status for answer in answers} == {202}
    wait_for(lambda: running.aws.waiting("relais-local-signups") == 0)
    running.forward(WINDOW_SECONDS)
    wait_for(lambda: ediware.emails().total() == before + count, 60)
    assert ediware.calls("list_insert") <= count * 3 / 100 + 2
    assert set(ediware.emails().values()) == {1}


def test_hostile_1_a_flood_of_one_address_does_not_keep_its_owner_waiting(
    running: MovableStack, ediware: Ediware
) -> None:
    """300 signups of one victim in three batch windows, then their own: no more time passes than these windows."""
    victim, before = "victim@example.com", ediware.calls("list_insert")
    ids: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        for wave in range(3):
            flood = ({"email": victim, "prenom": f"Nobody {wave} {number}"} for number in range(100))
            ids += [answer.json["id"] for answer in pool.map(lambda fields: submit(running, "signup", fields), flood)]
            if wave < 2:
                running.forward(WINDOW_SECONDS)
    ids.append(submit(running, "signup", {"email": victim, "prenom": "Ana"}).json["id"])
    wait_for(lambda: running.aws.waiting("relais-local-signups") == 0)
    running.forward(WINDOW_SECONDS)
    wait_for(lambda: event(running, ids[-1])["status"] == "delivered", 60)
    running.settle()
    assert {event(running, event_id)["status"] for event_id in ids} == {"delivered"}
    rows = [row for row in ediware.account()["lists"]["4781"]["rows"] if row["email"] == victim]
    assert len(rows) == ediware.calls("list_insert") - before <= 4
    assert rows[-1]["prenom"] == "Ana"
    assert len(set(ids)) == 301
