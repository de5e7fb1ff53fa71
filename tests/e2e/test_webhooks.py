"""Back ends that post signed events to the running stack."""

from __future__ import annotations

import json
from base64 import b64encode

from tests.e2e.world import Ediware, event, post_signed
from tests.support.stack import MovableStack
from tests.support.waiting import wait_for

PEOPLE = [f"person{number}@example.com" for number in range(1000)]


def test_a_thousand_events_in_one_request_are_delivered_and_a_repeat_changes_nothing(
    running: MovableStack, ediware: Ediware
) -> None:
    before = ediware.emails().total()
    body = {"events": [{"type": "signup", "form": "footer", "email": email} for email in PEOPLE]}
    answer = post_signed(running, body, "batch-1")
    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (202, 1000, []), answer.body[:500]
    ids = [one["id"] for one in answer.json["events"]]
    assert [one["index"] for one in answer.json["events"]] == list(range(1000))
    assert len(set(ids)) == 1000
    wait_for(lambda: ediware.emails().total() == before + len(PEOPLE), 120)
    wait_for(lambda: all(event(running, ids[place])["status"] == "delivered" for place in (0, -1)))
    calls = ediware.calls("list_insert")
    assert calls <= 5
    again = post_signed(running, body, "batch-1")
    assert again.json == answer.json
    # The repeat sends notifications again; a signup behind it shows that the workers have processed them.
    last = post_signed(running, {"type": "signup", "form": "footer", "email": "last@example.com"}, "single-1")
    wait_for(lambda: event(running, last.json["events"][0]["id"])["status"] == "delivered")
    assert ediware.calls("list_insert") == calls + 1
    assert {ediware.emails()[email] for email in PEOPLE} == {1}


def test_a_mixed_list_is_decided_event_by_event_and_valid_events_are_delivered(
    running: MovableStack, ediware: Ediware
) -> None:
    joined = {"type": "signup", "form": "footer", "email": "zoë@example.com", "fields": {"prenom": "Zoë"}}
    body = {
        "events": [
            {**joined, "id": "joined"},
            {"type": "signup", "form": "nowhere", "email": "zoe@example.com"},
            {"type": "unsubscribe", "email": "left@example.com", "id": "left"},
            {**joined, "id": "left"},
        ]
    }
    answer = post_signed(running, body, "mixed-1")
    assert (answer.status, answer.json["accepted"]) == (202, 2)
    assert answer.json["events"] == [{"index": 0, "id": "joined"}, {"index": 2, "id": "left"}]
    assert [(one["index"], one["errors"][0]["field"]) for one in answer.json["rejected"]] == [(1, "form"), (3, "id")]
    for event_id in ("joined", "left"):
        wait_for(lambda event_id=event_id: event(running, event_id)["status"] == "delivered")
    row = next(row for row in ediware.account()["lists"]["4781"]["rows"] if row["email"] == "zoë@example.com")
    assert row["prenom"] == "Zoë"
    assert "left@example.com" in ediware.unsubscribed()
    assert post_signed(running, {**joined, "id": "left"}, "mixed-2").status == 409
    strange = "whsec_" + b64encode(b"placeholder-of-a-stranger").decode()
    assert post_signed(running, body, "mixed-1", strange).status == 401
    assert running.request("POST", "/events", json.dumps(body)).status == 401
    assert "zoë@" not in running.logs and "left@" not in running.logs
