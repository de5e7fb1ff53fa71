"""What operators see of a run in which everything happens: every metric, every event's trail, and no address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.names import METRICS as NAMESPACE
from chalicelib.observability.metrics import PUBLISHED
from local.sandbox import Control, sample_config
from tests.e2e.world import ADMIN_KEY, put_on_queue, submit
from tests.support.stack import MovableStack, RunningStack, SharedStack
from tests.support.waiting import wait_for

QUEUES = ("signups", "unsubscribes", "syncs")
WHOLE_STAGE = {"unreadable_messages", "unsigned_requests", "enqueued"}
BY_ACCOUNT = {
    "paris": {
        *("accepted", "delivered", "superseded", "refused", "provider_calls", "provider_seconds"),
        *("oldest_pending_seconds", "paused_seconds", "campaigns_read", "snapshots_written", "stats_age_seconds"),
    },
    "brussel": {
        *("accepted", "parked", "provider_calls", "provider_seconds", "provider_failures", "oldest_pending_seconds"),
        *("paused_seconds", "accounts_paused", "owner_must_act", "stats_failures"),
    },
    "lettre": {
        *("accepted", "delivered", "provider_calls", "provider_seconds", "oldest_pending_seconds"),
        "oldest_unsubscribe_seconds",
    },
}
PERSON = "private.person"
HOUR = 3600.0
# As written in bodies, and as URLs, JSON and HTML encode them.
ADDRESS = re.compile(r"[\w.+%-]+(?:@|%40|\\u0040|&#64;)[\w-]+\.(?:com|example)", re.IGNORECASE)


@pytest.fixture
def product(shared_stack: SharedStack) -> Iterator[MovableStack]:
    config = sample_config(shared_stack.sandbox) + "\n[delivery]\nfirst_retry_seconds = 0.2\ngive_up_after_hours = 12\n"
    yield shared_stack.reset(config)
    shared_stack.idle()


def lines(product: RunningStack) -> list[dict[str, Any]]:
    """Every line that a function wrote, metrics among them."""
    return [json.loads(line) for line in product.logs.splitlines() if line.startswith("{")]


def measured(product: RunningStack) -> dict[str | None, set[str]]:
    """The names of the metrics so far, by account (None: of the whole stage alone)."""
    names: dict[str | None, set[str]] = {}
    for line in lines(product):
        if "message" in line:
            continue
        assert line["stage"] == "local"
        names.setdefault(line.get("account"), set()).update(line.keys() - {"_aws", "stage", "account"})
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == NAMESPACE
            assert directive["Dimensions"] == [["stage"]]
            assert {metric["Name"] for metric in directive["Metrics"]} <= line.keys() & PUBLISHED
    return names


def event_log(product: RunningStack, event_id: str) -> list[dict[str, Any]]:
    """The lines about one event."""
    return [line for line in lines(product) if event_id in line.get("event_ids", ())]


def is_quiet(product: RunningStack) -> bool:
    """Are all queues empty?"""
    return not any(product.aws.message_count(f"relais-local-{queue}") for queue in QUEUES)


def status(product: RunningStack, event_id: str) -> str:
    """Status of the event; "unknown" while it is not stored."""
    answer = product.request("GET", f"/events/{event_id}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    return str(answer.json.get("status", "unknown")) if answer.status in (200, 404) else "unknown"


def test_every_metric_is_written_with_its_account(product: MovableStack) -> None:
    joined = submit(product, "signup", {"email": f"{PERSON}@example.com"})
    wait_for(lambda: status(product, joined.json["id"]) == "delivered")
    trapped = submit(product, "signup", {"email": f"bot.{PERSON}@example.com", "website": "https://example.com"})
    unsubscribe = submit(product, "unsubscribe", {"email": f"{PERSON}@example.com"})
    wait_for(lambda: status(product, unsubscribe.json["id"]) == "delivered")
    late = {"type": "signup", "id": "late", "form": "footer", "email": f"{PERSON}@example.com"}
    put_on_queue(product.aws, "signups", [{**late, "occurred_at": "2026-01-01T00:00:00Z"}])
    Control(product.sandbox).fault("refuse_key", provider="mymailmarket")
    given_up = submit(product, "signup", {"email": f"other.{PERSON}@example.com"}, form="nieuwsbrief")
    product.aws.sqs.send_message(
        QueueUrl=product.aws.queue_url("relais-local-syncs"), MessageBody=f"no JSON of {PERSON}@example.com"
    )
    product.request("POST", "/events", f'{{"email": "{PERSON}@example.com"}}')
    wait_for(lambda: status(product, "late") == "superseded")
    wait_for(
        lambda: "delivery retry scheduled" in [line["message"] for line in event_log(product, given_up.json["id"])]
    )
    product.forward(13 * HOUR)  # `sweep` and `collect_stats` run
    wait_for(lambda: status(product, given_up.json["id"]) == "parked")
    expected: set[tuple[str | None, str]] = {(None, name) for name in WHOLE_STAGE}
    expected |= {(account, name) for account, names in BY_ACCOUNT.items() for name in names}

    def missing() -> set[tuple[str | None, str]]:
        return expected - {(account, name) for account, names in measured(product).items() for name in names}

    wait_for(lambda: not missing())
    Control(product.sandbox).clear_faults()
    steps = [
        [line["message"] for line in event_log(product, answer.json["id"])] for answer in (joined, trapped, given_up)
    ]
    assert steps[0] == ["accepted", "delivered"]
    assert steps[1] == ["accepted"]
    assert (steps[2][0], steps[2][-1]) == ("accepted", "parked")
    assert "delivery retry scheduled" in steps[2]
    first, last = event_log(product, joined.json["id"])
    assert first["request_id"] == joined.headers["x-request-id"]
    assert (first["function"], last["function"], last["account"]) == ("api_handler", "signups", "paris")
    assert last["request_id"] != first["request_id"]
    assert {line["account"] for line in event_log(product, unsubscribe.json["id"])[1:]} == {
        "paris",
        "lettre",
        "brussel",
    }


WORST_EVENTS: list[dict[str, Any]] = [
    {"type": "signup", "id": "ok-1", "form": "footer", "email": f"{PERSON}+tag@example.com", "fields": {"prenom": "@"}},
    {"type": "signup", "id": f"{PERSON}@example.com", "form": "footer", "email": "x@example.com"},
    {"type": f"{PERSON}@example.com", "email": "x@example.com"},
    {"type": "signup", "form": f"{PERSON}@example.com", "email": "x@example.com"},
    {"type": "signup", "form": "footer", "email": {"at": f"{PERSON}@example.com"}},
    {"type": "signup", "form": "footer", "email": f"{PERSON}@example.com,{PERSON}@other.example"},
    {"type": "signup", "account": f"{PERSON}@example.com", "list": "1", "email": "x@example.com"},
    {"type": "signup", "account": "paris", "list": f"{PERSON}@example.com", "email": "x@example.com"},
    {"type": "unsubscribe", "email": f'"{PERSON}"@example.com', "accounts": [f"{PERSON}@example.com"]},
    {"type": "unsubscribe", "id": "ok-2", "email": f'"{PERSON}"@example.com', "occurred_at": f"{PERSON}@example.com"},
    {"type": "unsubscribe", "id": "ok-3", "email": f"{PERSON}@exämple.com"},
    {"type": "sync", "kind": f"{PERSON}@example.com", "source": f"{PERSON}@example.com"},
]
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "body": f"no mail for {PERSON}@example.com"},
    {"kind": "status", "status": 200, "body": json.dumps({"error": "1", "message": f"bad row {PERSON}@example.com"})},
    {"kind": "status", "status": 400, "body": f"<p>{PERSON}&#64;example.com {quote(PERSON + '@example.com')}</p>"},
    {"kind": "redirect", "location": f"http://redirected.invalid/?email={quote(PERSON + '@example.com')}"},
    {"kind": "truncated_json"},
    {"kind": "reset", "when": "after"},
    {"kind": "refuse_rows", "contains": PERSON},
]


def test_no_log_line_of_a_run_with_faults_contains_an_address(product: MovableStack) -> None:
    control = Control(product.sandbox)
    for number, fault in enumerate(FAULTS):
        control.fault(**fault, times=10)
        email = f"{number}.{PERSON}@example.com"
        for form in ("footer", "nieuwsbrief"):
            headers = {"Idempotency-Key": email, "Origin": f"https://{email}", "Referer": f"https://{email}/?{email}"}
            submit(product, "signup", {"email": email, "prenom": email}, form=form)
            submit(product, "unsubscribe", {"email": email}, form=form, **headers)
        product.forward(61)  # `sweep` runs, and deferred events are retried
        wait_for(lambda: is_quiet(product))
        control.clear_faults()
    for path in (f"/forms/{PERSON}@example.com/signup", f"/unsubscribe/{PERSON}@example.com"):
        product.request("POST", path, f"email={PERSON}@example.com")
    product.request("GET", f"/events/{PERSON}@example.com?email={PERSON}@example.com")
    put_on_queue(product.aws, "unsubscribes", WORST_EVENTS)
    product.invoke("call_provider", {"account": "paris", "function": f"{PERSON}@example.com", "params": {}})
    product.invoke("resend", {"account": f"{PERSON}@example.com"})
    wait_for(lambda: is_quiet(product))
    wait_for(lambda: status(product, "ok-1") != "unknown" and status(product, "ok-3") != "unknown")
    found = {match[0] for match in ADDRESS.finditer(product.logs)}
    where = [line[:600] for line in product.logs.splitlines() if ADDRESS.search(line)]
    assert not found, f"{found}: {where[:3]}"
    assert PERSON not in product.logs
    said = {line.get("message") for line in lines(product)}
    assert {"accepted", "delivery retry scheduled", "paused", "an event on a queue is invalid"} <= said, (
        "nothing went wrong"
    )
