"""A back end as an account of the running stack: told over HTTP, verified as its owner would; 410, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.sandbox import sample_config
from tests.contract.scripted import Scripted, answer
from tests.e2e.world import event, post_signed, submit
from tests.support.back_end import SECRET, Told, told
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

ZOE, MAX = "zoe@example.com", "max@example.com"
OWN_SECRET = "whsec_cGxhY2Vob2xkZXItb2YtYS1zZW5kaW5nLWJhY2stZW5k"
"""Of what it sends itself."""


@pytest.fixture
def crm() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


@pytest.fixture
def stack(shared_stack: SharedStack, crm: Scripted) -> Iterator[MovableStack]:
    """The sample world at one provider, with a back end that gets copies and sends events."""
    config = sample_config(shared_stack.sandbox, ["ediware"])
    config = config.replace('list = "4781"\n', 'list = "4781"\ncopy_to = ["crm"]\n', 1)
    config += f'[accounts.crm]\nprovider = "webhook"\nurl = "{crm.url}/relais"\nsecret = "{SECRET}"\n'
    config += f'[webhooks.crm]\nsecret = "{OWN_SECRET}"\naccount = "crm"\n'
    yield shared_stack.reset(config)
    shared_stack.idle()


def post(stack: MovableStack, body: Any) -> str:
    """Send an event as the back end; returns its id."""
    sent = post_signed(stack, body, secret=OWN_SECRET)
    assert sent.status == 202, sent.body
    return str(body["id"])


def test_it_is_told_of_signups_unsubscribes_and_forget_and_waits_out_a_410(stack: MovableStack, crm: Scripted) -> None:
    def is_done(event_id: str, status: str = "delivered") -> Callable[[], bool]:
        return lambda: event(stack, event_id)["status"] == status

    def heard() -> list[Told]:
        return [told(request) for request in crm.received]

    def paused() -> Any:
        return stack.invoke("report")[1]["accounts"]["crm"]["paused"]

    joined = submit(stack, "signup", {"email": ZOE, "prenom": "Zoé"}).json["id"]
    wait_for(is_done(joined))
    [first] = heard()
    assert (first.id, first.type, first.data["email"]) == (joined, "subscriber.signed_up", ZOE)
    assert (first.data["fields"], first.data["form"], first.data["origin"]) == ({"prenom": "Zoé"}, "footer", "form")

    left = submit(stack, "unsubscribe", {"email": ZOE}).json["id"]
    wait_for(is_done(left))
    assert [(one.id, one.type) for one in heard()[1:]] == [(left, "subscriber.unsubscribed")]

    own = post(stack, {"type": "unsubscribe", "id": "of-the-crm", "email": MAX})
    wait_for(is_done(own))
    assert len(crm.received) == 2, "what it sends is not told back to it"

    code, _ = stack.invoke("forget", {"email": ZOE})
    assert code == 0
    wait_for(lambda: len(crm.received) > 2)
    assert [(one.type, one.data["email"]) for one in heard()[2:]] == [("subscriber.forgotten", ZOE)]

    crm.otherwise = answer(b"", 410)
    ids = [submit(stack, "signup", {"email": f"person{number}@example.com"}).json["id"] for number in range(2)]
    wait_for(
        lambda: all(
            {one["status"] for one in event(stack, each)["deliveries"]} == {"pending", "delivered"} for each in ids
        )
    )
    wait_for(paused)
    assert "410" in paused()["reason"]
    asked = len(crm.received)
    stack.settle()
    assert len(crm.received) == asked <= 3 + 2, "paused, not hammered"

    crm.otherwise = answer(b"", 204)
    code, resumed = stack.invoke("resume", {"account": "crm"})
    assert (code, resumed["resumed"]) == (0, True), resumed
    for each in ids:
        wait_for(is_done(each))
    assert sorted(one.id for one in heard()[asked:]) == sorted(ids) and paused() is None
    for hidden in (ZOE, "person0@", SECRET, SECRET.removeprefix("whsec_")):
        assert hidden not in stack.logs
