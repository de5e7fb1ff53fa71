"""A thousand signups make few calls, by whichever door they come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.world import Ediware, put_on_queue, seconds_until, submit
from tests.support.stack import RunningStack

PEOPLE = [f"person{number}@example.com" for number in range(1000)]


def test_a_thousand_events_on_the_queue_take_five_calls_and_twenty_seconds(
    running: RunningStack, ediware: Ediware
) -> None:
    put_on_queue(running.aws, "signups", ({"type": "signup", "form": "footer", "email": email} for email in PEOPLE))
    assert seconds_until(lambda: ediware.emails().total() >= len(PEOPLE), 20) < 20
    assert ediware.calls("list_insert") <= 5
    assert set(ediware.emails().values()) == {1}


def test_a_thousand_posts_within_a_minute_take_thirty_calls(running: RunningStack, ediware: Ediware) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda email: submit(running, "signup", {"email": email}), PEOPLE))
    assert {answer.status for answer in answers} == {202}
    seconds_until(lambda: ediware.emails().total() >= len(PEOPLE), 60)
    assert ediware.calls("list_insert") <= 30
    assert set(ediware.emails().values()) == {1}
