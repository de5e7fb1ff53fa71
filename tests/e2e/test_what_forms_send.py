"""What forms send, through the gateway to the list: bytes are kept, floods of unsubscribes are quarantined."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest

from local.sandbox import sample_config
from tests.e2e.world import FORM, Ediware, event, submit
from tests.support.stack import RunningStack, SharedStack
from tests.support.waiting import wait_for


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(FORM["content-type"], b"email=zoe%40example.com&prenom=Zo\xe9", id="field-12"),
        pytest.param(
            "text/plain;charset=UTF-8", '{"email": "zoe@example.com", "prenom": "Zo\\u000bé"}'.encode(), id="field-11"
        ),
    ],
)
def test_a_form_is_read_as_its_page_wrote_it(
    running: RunningStack, ediware: Ediware, content_type: str, body: bytes
) -> None:
    request = Request(f"{running.http}/forms/footer/signup", body, {"Content-Type": content_type})
    with urlopen(request, timeout=10) as answer:
        assert answer.status == 202
    wait_for(lambda: ediware.emails()["zoe@example.com"] == 1)
    row = next(row for row in ediware.account()["lists"]["4781"]["rows"] if row["email"] == "zoe@example.com")
    assert row["prenom"] == "Zoé"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", FORM["content-type"] + "; charset=utf-8"])
def test_hostile_15_bytes_that_are_not_utf_8_are_refused(stack: RunningStack, content_type: str) -> None:
    body = b'{"email": "zoe@example.com", "prenom": "Zo\xe9"}'
    assert stack.request("POST", "/forms/footer/signup", body, {"content-type": content_type}).status == 400


def test_a_flood_of_unsubscribes_is_quarantined_and_discarded(shared_stack: SharedStack) -> None:
    config = sample_config(shared_stack.sandbox).replace("[forms.footer]", "[forms.footer]\nunsubscribes_per_hour = 0")
    stack = shared_stack.reset(config)
    ids = [submit(stack, "unsubscribe", {"email": f"p{number}@example.com"}).json["id"] for number in range(3)]
    for one in ids:
        wait_for(lambda one=one: {each["reason"] for each in event(stack, one)["deliveries"]} == {"quarantined"})
    accounts = len(event(stack, ids[0])["deliveries"])
    report = stack.invoke("report")[1]
    assert (report["pending"], report["quarantined"]) == (accounts * 3, accounts * 3)
    assert stack.invoke("resend") == (0, {"resent": 0})
    assert stack.invoke("resend", {"status": "quarantined", "id": ids[0]}) == (0, {"resent": accounts})
    wait_for(lambda: event(stack, ids[0])["status"] == "delivered")
    assert stack.invoke("resend", {"status": "quarantined", "discard": True}) == (0, {"discarded": 2})
    assert {event(stack, one)["status"] for one in ids[1:]} == {"refused"}
    assert {"p0@example.com", "p1@example.com", "p2@example.com"} & Ediware(stack.sandbox).unsubscribed() == {
        "p0@example.com"
    }
