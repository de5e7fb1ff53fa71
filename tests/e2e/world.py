"""Outside view of the end-to-end tests: data of a provider, status of an event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from local.sandbox import SAMPLE_ADMIN_KEY, SAMPLE_WEBHOOK_SECRET, Control
from tests.support.aws import TestAws
from tests.support.stack import MovableStack, Response, RunningStack
from tests.support.webhooks import signed

ADMIN_KEY = SAMPLE_ADMIN_KEY
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Ediware:
    """The sandbox's Ediware as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.control = Control(url)

    def account(self) -> Mapping[str, Any]:
        """Data of the sample account."""
        found: Mapping[str, Any] = self.control.state()["providers"]["ediware"]["accounts"]["paris"]
        return found

    def emails(self, list_id: str = "4781") -> Counter[str]:
        """How often each address is on a list."""
        return Counter(row["email"] for row in self.account()["lists"][list_id]["rows"])

    def unsubscribed(self) -> set[str]:
        """Unsubscribed addresses."""
        return set(self.account()["unsubscribed"])

    def calls(self, function: str) -> int:
        """How many calls of a function were made."""
        return int(self.control.state()["providers"]["ediware"]["calls"].get(function, 0))


def unsubscribed_at(url: str, email: str) -> dict[str, bool]:
    """Whether each provider of the sandbox has a person as unsubscribed."""
    accounts = {name: next(iter(one["accounts"].values())) for name, one in Control(url).state()["providers"].items()}
    return {
        "ediware": email in accounts["ediware"]["unsubscribed"],
        "mailpartner": email in {row["email"] for row in accounts["mailpartner"]["optouts"]},
        "mymailmarket": email in {row["MailAddress"] for row in accounts["mymailmarket"]["unsubscribed"]},
    }


def submit(stack: RunningStack, verb: str, fields: Mapping[str, str], form: str = "footer", **headers: str) -> Response:
    """Send a sample form as a browser without scripts would."""
    return stack.request("POST", f"/forms/{form}/{verb}", urlencode(fields), {**FORM, **headers})


def post_signed(
    stack: MovableStack, body: Mapping[str, Any], webhook_id: str | None = None, secret: str = SAMPLE_WEBHOOK_SECRET
) -> Response:
    """Post a signed event, or several, as a back end does; the id of the request is that of the event by default."""
    data = json.dumps(body)
    headers = {"content-type": "application/json"} | signed(data, webhook_id or body["id"], stack.now(), secret)
    return stack.request("POST", "/events", data, headers)


def put_on_queue(aws: TestAws, kind: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Put complete events on a queue, ten a call and several calls concurrently."""
    url = aws.sqs.get_queue_url(QueueName=f"relais-local-{kind}")["QueueUrl"]
    bodies = [json.dumps(event) for event in events]
    batches = [bodies[start : start + 10] for start in range(0, len(bodies), 10)]

    def send(batch: list[str]) -> None:
        entries: Any = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(batch)]
        answer = aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert not answer.get("Failed")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, batches))


def event(stack: RunningStack, event_id: str, key: str = ADMIN_KEY) -> dict[str, Any]:
    """`GET /events/{id}`."""
    answer = stack.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {key}"})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found
