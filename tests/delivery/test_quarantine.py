"""Unsubscribes of a form above its limit: accepted, not delivered, released by an operator or after a day."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.ingestion.accept import accept
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from chalicelib.operators.requeue import Requeues
from tests.operators.support import enqueued, items, report, resend
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import Product, settings

LIMIT = 3


@pytest.fixture
def product(resources: TestAws) -> Product:
    given = settings()
    return Product(replace(given, forms={"footer": replace(given.forms["footer"], unsubscribes_per_hour=LIMIT)}))


def leave(product: Product, email: str, key: str | None = None) -> tuple[int, str]:
    """Fill in the form to leave; the answer's status and the event's id."""
    headers = {"content-type": "application/json", **({"idempotency-key": key} if key else {})}
    answer = request(product.container, "POST", "/forms/footer/unsubscribe", headers, json.dumps({"email": email}))
    return answer.status, answer.json.get("id", "")


def flood(product: Product, beyond: int = 1) -> list[str]:
    """The ids of the events that come after the form's limit is reached."""
    for number in range(LIMIT):
        leave(product, f"p{number}@example.com")
    return [leave(product, f"q{number}@example.com")[1] for number in range(beyond)]


def subscription_items(product: Product, resources: TestAws) -> int:
    """How many addresses the ledger knows something of."""
    found = resources.dynamodb.scan(
        TableName="relais-local-ledger",
        FilterExpression="begins_with(pk, :word)",
        ExpressionAttributeValues={":word": {"S": "A#"}},
    )
    return len({item["pk"]["S"] for item in found["Items"]})


def test_unsubscribes_above_the_limit_are_accepted_and_not_delivered(product: Product, resources: TestAws) -> None:
    (quarantined,) = flood(product)
    assert len(enqueued(resources, "unsubscribes")) == LIMIT
    product.clock.forward(hours=23, minutes=59)
    assert product.container.sweeper.run() == {"enqueued": LIMIT * 2}, "of both accounts, without quarantined ones"
    product.work(quarantined)
    assert (product.paris.unsubscribed_emails, subscription_items(product, resources)) == ([], 0)
    view = product.view(quarantined)
    assert view["status"] == "pending"
    for delivery in view["deliveries"]:
        assert "quarantined" in delivery["reason"]
        assert (delivery["attempts"], delivery["next_attempt_at"]) == (0, "2026-03-02T09:30:00Z")


def test_a_quarantined_unsubscribe_is_delivered_a_day_later_with_its_own_time(
    product: Product, resources: TestAws
) -> None:
    (quarantined,) = flood(product)
    product.clock.forward(hours=24)
    assert product.container.sweeper.run() == {"enqueued": (LIMIT + 1) * 2}
    assert quarantined in enqueued(resources, "unsubscribes")
    product.work(quarantined)
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["q0@example.com"]
    assert {delivery["reason"] for delivery in product.view(quarantined)["deliveries"]} == {None}
    assert product.view(quarantined)["occurred_at"] == "2026-03-01T09:30:00Z"
    (later,) = product.store(product.signup("q0@example.com", may_lift_suppression=False))
    product.work(later)
    assert product.delivery(later)["reason"] == "suppressed"


def test_a_later_signup_is_delivered_while_an_unsubscribe_is_quarantined(product: Product) -> None:
    (quarantined,) = flood(product)
    product.clock.forward(hours=1)
    (later,) = product.store(product.signup("q0@example.com"))
    product.work(later)
    assert product.delivery(later)["status"] == "delivered"
    product.clock.forward(hours=23)
    product.work(quarantined)
    assert product.delivery(quarantined)["status"] == "superseded"
    assert product.paris.unsubscribed_emails == []


def test_an_operator_releases_all_quarantined_unsubscribes(product: Product, resources: TestAws) -> None:
    quarantined = flood(product, 2)
    product.clock.forward(hours=2)
    assert resend(product) == {"resent": 4}, "deliveries"
    assert resend(product) == {"resent": 0}
    assert set(quarantined) <= set(enqueued(resources, "unsubscribes"))
    assert {delivery["reason"] for one in quarantined for delivery in product.view(one)["deliveries"]} == {None}
    product.work(*quarantined)
    assert sorted(product.paris.unsubscribed_emails) == ["q0@example.com", "q1@example.com"]
    assert "quarantined" not in items(resources, quarantined[0])["D#paris"]


def test_an_operator_releases_selected_unsubscribes(product: Product) -> None:
    (quarantined,) = flood(product)
    for others in ({"type": "signup"}, {"since": "2026-03-01T09:30:01Z"}, {"id": "another"}, {"status": "refused"}):
        assert resend(product, **others) == {"resent": 0}
    assert resend(product, account="lyon", type="unsubscribe", since="2026-03-01T09:30:00Z") == {"resent": 1}
    assert resend(product, id=quarantined) == {"resent": 1}


def test_a_released_unsubscribe_is_due_even_if_its_notification_is_lost(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    (quarantined,) = flood(product)
    enqueued(resources, "unsubscribes")
    monkeypatch.setattr(product.container.notifier, "notify", lambda *_: False)
    assert resend(product) == {"resent": 2}
    monkeypatch.undo()
    assert product.container.sweeper.run() == {"enqueued": 2}
    assert enqueued(resources, "unsubscribes") == [quarantined] * 2


def test_a_delivery_deferred_by_a_worker_is_not_released(product: Product) -> None:
    (quarantined,) = flood(product)
    (seen,) = product.container.events.load([quarantined])
    product.clock.forward(hours=24)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(quarantined)
    requeues = Requeues(product.container)
    assert [requeues.release(seen, account, product.clock()) for account in ("paris", "lyon")] == [False, False]
    assert (product.delivery(quarantined)["reason"], product.delivery(quarantined, "lyon")["status"]) == (
        "down",
        "delivered",
    )
    assert resend(product) == {"resent": 0}, "it waits for the provider now, not for an operator"


def test_a_shorter_pause_does_not_replace_the_quarantine_reason(product: Product) -> None:
    (quarantined,) = flood(product)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(*product.store(product.signup("a@example.com")))
    assert "quarantined" in product.delivery(quarantined)["reason"]


def test_a_repeated_request_is_the_same_event(product: Product, resources: TestAws) -> None:
    flood(product, 0)
    first, again = leave(product, "q@example.com", "key-1"), leave(product, "q@example.com", "key-1")
    assert first == again == (202, first[1])
    product.clock.forward(hours=1)
    assert leave(product, "q@example.com", "key-1") == first, "also in an hour in which it would not wait"
    product.work(first[1])
    assert product.delivery(first[1])["attempts"] == 0
    product.clock.forward(hours=23)
    product.work(first[1])
    assert product.paris.unsubscribed_emails == ["q@example.com"]


def test_the_limit_is_counted_per_hour(product: Product) -> None:
    flood(product)
    product.clock.forward(minutes=30)
    _, delivered = leave(product, "r@example.com")
    product.work(delivered)
    assert product.paris.unsubscribed_emails == ["r@example.com"]


def test_a_limit_of_zero_quarantines_every_unsubscribe(product: Product, resources: TestAws) -> None:
    given = product.settings
    forms = {"footer": replace(given.forms["footer"], unsubscribes_per_hour=0)}
    product.settings = replace(given, forms=forms)
    product.restart()
    _, quarantined = leave(product, "a@example.com")
    assert enqueued(resources, "unsubscribes") == []
    assert "quarantined" in product.delivery(quarantined)["reason"]


def test_an_unsubscribe_from_one_account_is_quarantined_too(product: Product, resources: TestAws) -> None:
    accounts = {"paris": product.settings.accounts["paris"]}
    product.settings = replace(product.settings, accounts=accounts)
    product.restart()
    (quarantined,) = flood(product)
    assert "quarantined" in product.delivery(quarantined)["reason"]
    assert resend(product) == {"resent": 1}
    product.work(quarantined)
    assert product.paris.unsubscribed_emails == ["q0@example.com"]


def test_of_concurrent_unsubscribes_exactly_the_limit_is_delivered(product: Product, resources: TestAws) -> None:
    _ = product.container.forms_routes
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: leave(product, f"p{number}@example.com"), range(LIMIT * 4)))
    assert {status for status, _ in answers} == {202}
    assert len(enqueued(resources, "unsubscribes")) == LIMIT
    quarantined = [one for _, one in answers if product.delivery(one)["reason"] is not None]
    assert len(quarantined) == LIMIT * 3


def test_nothing_is_accepted_when_the_count_is_unavailable(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.container.table.put_new({"pk": "S#form#footer", "sk": "2026-03-01T09:00:00Z", "unsubscribes": "spoilt"})
    status, _ = leave(product, "a@example.com")
    assert status == 503
    assert report(product)["accepted"] == 0


def test_signups_and_other_entry_points_are_not_counted(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    update = Table.update

    def watched(self: Table, key: tuple[str, str], *args: Any, **more: Any) -> Any:
        if key[0].startswith("S#form#"):
            counted.append(key)
        return update(self, key, *args, **more)

    monkeypatch.setattr(Table, "update", watched)
    headers = {"content-type": "application/json"}
    request(product.container, "POST", "/forms/footer/signup", headers, '{"email": "a@example.com"}')
    assert leave(product, "not an address")[0] == 422
    accept(product.container, product.unsubscribe("b@example.com"))
    product.work(bodies=({"type": "unsubscribe", "id": "own-1", "email": "c@example.com"},))
    assert counted == []
    leave(product, "a@example.com")
    assert counted == [("S#form#footer", "2026-03-01T09:00:00Z")]


def test_quarantined_unsubscribes_are_counted_logged_and_part_of_the_oldest_age(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(LIMIT):
        _, delivered = leave(product, f"p{number}@example.com")
        product.work(delivered)
    metrics.flush()
    capsys.readouterr()
    quarantined = [leave(product, "q0@example.com", "key")[1], leave(product, "q0@example.com", "key")[1]]
    product.clock.forward(hours=5)
    product.container.sweeper.run()
    metrics.flush()
    out = capsys.readouterr()
    lines = [json.loads(line) for line in (out.out + out.err).splitlines() if line.startswith("{")]
    assert [line["unsubscribes_quarantined"] for line in lines if "unsubscribes_quarantined" in line] == [1]
    (said,) = [line for line in lines if line.get("message") == "unsubscribes quarantined"]
    assert (said["level"], said["form"], said["event_ids"]) == ("WARNING", "footer", quarantined[:1])
    (paris,) = [line for line in lines if line.get("account") == "paris" and "oldest_pending_seconds" in line]
    assert (paris["oldest_unsubscribe_seconds"], paris["oldest_pending_seconds"]) == (5 * 3600, 0)
    found = report(product)
    assert found["oldest_unsubscribe_seconds"] == timedelta(hours=5).total_seconds()


def test_the_oldest_quarantined_unsubscribe_is_found_among_many_pending_ones(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    flood(product)
    product.clock.forward(hours=23)
    product.store(*(product.unsubscribe(f"r{number}@example.com") for number in range(60)))
    product.clock.forward(hours=2)
    metrics.flush()
    capsys.readouterr()
    product.container.sweeper.run()
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (lyon,) = [line for line in lines if line.get("account") == "lyon" and "oldest_pending_seconds" in line]
    assert lyon["oldest_unsubscribe_seconds"] == 25 * 3600
