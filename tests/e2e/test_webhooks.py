"""Back ends that post signed events to the running stack."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from local.sandbox import SAMPLE_WEBHOOK_SECRET
from tests.e2e.world import Ediware, event, seconds_until
from tests.support.stack import Response, RunningStack
from tests.support.waiting import wait_for

PEOPLE = [f"person{number}@example.com" for number in range(1000)]


def post(stack: RunningStack, body: Any, webhook_id: str, secret: str = SAMPLE_WEBHOOK_SECRET) -> Response:
    """Send `body` as the standard's own package signs it."""
    data, now = json.dumps(body), datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, now, data),
    }
    return stack.request("POST", "/events", data, headers)


def test_a_thousand_events_in_one_request_are_delivered_and_a_repeat_changes_nothing(
    running: RunningStack, ediware: Ediware
) -> None:
    body = {"events": [{"type": "signup", "form": "footer", "email": email} for email in PEOPLE]}
    started = time.monotonic()
    answer = post(running, body, "batch-1")
    assert time.monotonic() - started < 10
    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (202, 1000, []), answer.body[:500]
    ids = [one["id"] for one in answer.json["events"]]
    assert [one["index"] for one in answer.json["events"]] == list(range(1000))
    assert len(set(ids)) == 1000
    assert seconds_until(lambda: ediware.emails().total() >= len(PEOPLE), 20) < 20
    wait_for(lambda: event(running, ids[-1])["status"] == "delivered", 10)
    calls = ediware.calls("list_insert")
    assert calls <= 5
    started = time.monotonic()
    again = post(running, body, "batch-1")
    assert time.monotonic() - started < 10
    assert again.json == answer.json
