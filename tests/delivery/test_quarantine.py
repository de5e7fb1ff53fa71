"""Unsubscribes of a form above its limit: accepted, counted, not delivered, or delivered a day later."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Consent, Door, EventType
from chalicelib.ingestion.accept import accept
from chalicelib.ledger.hourly_limits import HourlyLimits
from chalicelib.ledger.keys import form_hour_partition
from chalicelib.ledger.quarantine import QuarantineStore
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from chalicelib.statistics.form_days import form_days
from tests.delivery.quarantine import LIMIT, QUARANTINED, counted, flood, leave, left, limited_product
from tests.operators.support import calls, enqueued, report, resend
from tests.support.aws import TestAws
from tests.support.product import START, Product


@pytest.fixture
def product(resources: TestAws) -> Product:
    return limited_product()


def states_of(product: Product, email: str) -> dict[Any, Any]:
    """What the ledger knows of an address at the accounts."""
    partitions = product.container.address_keys.partitions_of_readings(email)
    return product.container.table.get_many((pk, account) for pk in partitions for account in ("*", "paris", "lyon"))


@pytest.mark.seconds
def test_unsubscribes_above_the_limit_are_accepted_and_not_delivered(product: Product, resources: TestAws) -> None:
    (quarantined,) = flood(product)
    product.clock.forward(hours=23, minutes=59)
    assert product.container.sweeper.run() == {"enqueued": 0}, "without quarantined ones"
    product.work(quarantined)
    assert (product.paris.unsubscribed_emails, states_of(product, "q0@example.com")) == ([], {})
    view = product.view(quarantined)
    assert view["status"] == "pending"
    for delivery in view["deliveries"]:
        assert delivery["reason"] == "quarantined"
        assert (delivery["attempts"], delivery["next_attempt_at"]) == (0, "2026-03-02T09:30:00Z")


@pytest.mark.seconds
def test_they_are_counted_as_unsubscribes_and_not_as_quarantined_signups(product: Product) -> None:
    flood(product, 2)
    (day,) = form_days(product.container.counts.read(START.date(), START.date()))
    assert (day.unsubscribes, day.accepted, day.quarantined) == (LIMIT + 2, 0, 0)


@pytest.mark.seconds
def test_of_one_batch_the_earliest_are_delivered(product: Product, resources: TestAws) -> None:
    ids = []
    for number in range(LIMIT * 2):
        product.clock.forward(milliseconds=1)
        ids.append(leave(product, f"p{number}@example.com")[1])
    product.work(*reversed(ids))
    assert sorted(product.paris.unsubscribed_emails) == [f"p{number}@example.com" for number in range(LIMIT)]
    assert [product.delivery(one)["reason"] for one in ids] == [None] * LIMIT + ["quarantined"] * LIMIT
    assert counted(resources) == [LIMIT]


def test_accepting_costs_no_call_for_counting_and_a_batch_counts_once(product: Product, resources: TestAws) -> None:
    _ = product.container.forms_routes
    leave(product, "warm@example.com")
    made = calls(product)
    ids = [leave(product, f"p{number}@example.com")[1] for number in range(LIMIT)]
    assert len(made) <= LIMIT * 2, "the event, and what lets the next signup see it"
    assert counted(resources) == []
    product.work(*ids)
    assert counted(resources) == [LIMIT]


@pytest.mark.seconds
def test_a_quarantined_unsubscribe_is_delivered_a_day_later_with_its_own_time(
    product: Product, resources: TestAws
) -> None:
    (quarantined,) = flood(product)
    enqueued(resources, "unsubscribes")
    product.clock.forward(hours=24)
    assert product.container.sweeper.run() == {"enqueued": 2}
    assert enqueued(resources, "unsubscribes") == [quarantined] * 2
    product.work(quarantined)
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["q0@example.com"]
    assert {delivery["reason"] for delivery in product.view(quarantined)["deliveries"]} == {None}
    assert product.view(quarantined)["occurred_at"] == "2026-03-01T09:30:00Z"
    assert counted(resources) == [LIMIT]
    (later,) = product.store(product.signup("q0@example.com", may_lift_suppression=False))
    product.work(later)
    assert product.delivery(later)["reason"] == "suppressed"


@pytest.mark.seconds
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


@pytest.mark.seconds
def test_a_shorter_pause_does_not_replace_the_quarantine_reason(product: Product) -> None:
    (quarantined,) = flood(product)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(*product.store(product.signup("a@example.com")))
    assert product.delivery(quarantined)["reason"] == "quarantined"


@pytest.mark.seconds
def test_hostile_3_only_what_is_newly_stored_counts(product: Product, resources: TestAws) -> None:
    first = leave(product, "a@example.com", "key-1")
    product.work(first[1])
    for _ in range(LIMIT * 2):
        assert leave(product, "a@example.com", "key-1") == first
        product.work(first[1], first[1])
    assert leave(product, "not an address", "key-2")[0] == 422
    product.container.sweeper.run()
    product.work(first[1])
    assert counted(resources) == [1]
    others = left(product, "b@example.com", "c@example.com")
    assert {product.delivery(one)["status"] for one in others} == {"delivered"}


@pytest.mark.seconds
def test_a_repeat_while_the_account_is_paused_is_counted_once(product: Product, resources: TestAws) -> None:
    product.paris.rule = product.providers["lyon"].rule = lambda *_: ProviderError(Kind.LATER, "down")
    (waiting,) = left(product, "a@example.com")
    for _ in range(LIMIT * 2):
        product.clock.forward(seconds=90)
        product.work(waiting)
    assert counted(resources) == [1]
    assert product.delivery(waiting)["reason"] == "down"


@pytest.mark.seconds
def test_a_repeat_of_a_quarantined_unsubscribe_is_the_same_event(product: Product) -> None:
    flood(product, 0)
    first = leave(product, "q@example.com", "key-1")
    product.work(first[1])
    product.clock.forward(hours=1)
    assert leave(product, "q@example.com", "key-1") == first, "also in an hour in which it would not wait"
    product.work(first[1])
    assert product.delivery(first[1])["reason"] == "quarantined"
    product.clock.forward(hours=23)
    product.work(first[1])
    assert product.paris.unsubscribed_emails == ["q@example.com"]


@pytest.mark.seconds
def test_the_limit_is_counted_per_hour_of_acceptance(product: Product, resources: TestAws) -> None:
    flood(product)
    product.clock.forward(minutes=30)
    left(product, "r@example.com")
    assert product.paris.unsubscribed_emails == ["r@example.com"]
    assert counted(resources) == [LIMIT, 1]


def test_a_limit_of_zero_quarantines_every_unsubscribe(product: Product) -> None:
    given = product.settings
    product.settings = replace(given, forms={"footer": replace(given.forms["footer"], unsubscribes_per_hour=0)})
    product.restart()
    (quarantined,) = left(product, "a@example.com")
    assert product.paris.unsubscribed_emails == []
    assert product.delivery(quarantined)["reason"] == "quarantined"


@pytest.mark.seconds
def test_a_form_that_is_no_longer_configured_has_no_limit(product: Product) -> None:
    ids = [leave(product, f"p{number}@example.com")[1] for number in range(LIMIT * 2)]
    product.settings = replace(product.settings, forms={})
    product.restart()
    product.work(*ids)
    assert len(product.paris.unsubscribed_emails) == LIMIT * 2


def test_an_unsubscribe_from_one_account_is_quarantined_too(product: Product) -> None:
    product.settings = replace(product.settings, accounts={"paris": product.settings.accounts["paris"]})
    product.restart()
    (quarantined,) = flood(product)
    assert product.delivery(quarantined)["reason"] == "quarantined"
    assert resend(product, **QUARANTINED) == {"resent": 1}
    product.work(quarantined)
    assert product.paris.unsubscribed_emails == ["q0@example.com"]


@pytest.mark.seconds
def test_concurrent_workers_deliver_what_is_within_the_limit_and_nothing_else(
    product: Product, resources: TestAws
) -> None:
    ids = [leave(product, f"p{number}@example.com")[1] for number in range(LIMIT * 4)]
    _ = product.container.worker
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda start: product.work(*ids[start:], *ids[:start]), range(6)))
    assert counted(resources) == [LIMIT]
    quarantined = [one for one in ids if product.delivery(one)["reason"] == "quarantined"]
    assert len(quarantined) == LIMIT * 3
    assert len(product.paris.unsubscribed_emails) == LIMIT * 4 - len(quarantined)


@pytest.mark.seconds
@pytest.mark.parametrize(("store", "method"), [(HourlyLimits, "admit"), (QuarantineStore, "quarantine")])
def test_a_worker_that_fails_while_it_counts_delivers_nothing_above_the_limit(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch, store: type, method: str
) -> None:
    """Each write fails, before and after it took effect."""
    real: Callable[..., Any] = getattr(store, method)
    for done_first in (False, True):

        def failing(*args: Any, done_first: bool = done_first, **more: Any) -> Any:
            if done_first:
                real(*args, **more)
            raise LedgerUnavailable("down")

        ids = [leave(product, f"{done_first}{number}@example.com")[1] for number in range(LIMIT * 2)]
        monkeypatch.setattr(store, method, failing)
        product.work(*ids)
        monkeypatch.undo()
        assert [one for one in product.paris.unsubscribed_emails if one.startswith(str(done_first))] == []
        product.clock.forward(minutes=2)
        assert product.container.sweeper.run()["enqueued"] > 0
        product.work(*ids)
        assert len([one for one in product.paris.unsubscribed_emails if one.startswith(str(done_first))]) <= LIMIT
        assert {product.delivery(one)["status"] for one in ids} <= {"delivered", "pending"}
        product.clock.forward(hours=24)
        product.work(*ids)
        assert {product.delivery(one)["status"] for one in ids} == {"delivered"}, "nothing is lost"


def test_nothing_is_delivered_while_the_count_is_unavailable(product: Product) -> None:
    partition = form_hour_partition("footer", EventType.UNSUBSCRIBE, product.clock().replace(minute=0))
    product.container.table.put_new({"pk": partition, "sk": "00000", "marks": 1})
    (waiting,) = left(product, "a@example.com")
    assert (product.delivery(waiting)["status"], product.paris.unsubscribed_emails) == ("pending", [])
    (signup,) = product.store(product.signup("b@example.com"))
    product.work(waiting, signup)
    assert product.delivery(signup)["status"] == "delivered", "the rest of the batch goes on"


def test_signups_of_other_senders_and_other_unsubscribes_are_not_counted(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_keys: list[Any] = []
    update = Table.update

    def watched(self: Table, key: tuple[str, str], *args: Any, **more: Any) -> Any:
        if key[0].startswith("S#form#"):
            counted_keys.append(key[0])
        return update(self, key, *args, **more)

    monkeypatch.setattr(Table, "update", watched)
    signup = replace(product.signup("a@example.com"), form="footer", consent=Consent(door=Door.WEBHOOK))
    event = product.unsubscribe("b@example.com")
    for one in (signup, event):
        accept(product.container, one)
    product.work(event.id, signup.id, bodies=({"type": "unsubscribe", "id": "1", "email": "c@example.com"},))
    assert len(product.paris.unsubscribed_emails) == 2
    assert counted_keys == []
    left(product, "a@example.com")
    assert counted_keys == ["S#form#footer#unsubscribe#2026-03-01T09:00:00Z"]


@pytest.mark.seconds
def test_quarantined_unsubscribes_are_counted_logged_and_part_of_the_oldest_age(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    flood(product, 0)
    metrics.flush()
    capsys.readouterr()
    quarantined = leave(product, "q0@example.com", "key")[1]
    product.work(quarantined)
    product.work(quarantined)
    product.clock.forward(hours=5)
    product.container.sweeper.run()
    metrics.flush()
    out = capsys.readouterr()
    lines = [json.loads(line) for line in (out.out + out.err).splitlines() if line.startswith("{")]
    assert [line["unsubscribes_quarantined"] for line in lines if "unsubscribes_quarantined" in line] == [1]
    (said,) = [line for line in lines if line.get("message") == "unsubscribes quarantined"]
    assert (said["level"], said["form"], said["event_ids"]) == ("WARNING", "footer", [quarantined])
    (paris,) = [line for line in lines if line.get("account") == "paris" and "oldest_pending_seconds" in line]
    assert (paris["oldest_unsubscribe_seconds"], paris["oldest_pending_seconds"]) == (5 * 3600, 0)
    found = report(product)
    assert found["oldest_unsubscribe_seconds"] == timedelta(hours=5).total_seconds()


@pytest.mark.seconds
def test_the_report_counts_quarantined_deliveries_twice_and_leaves_them_out_of_the_oldest(product: Product) -> None:
    flood(product, 2)
    product.clock.forward(hours=5)
    found = report(product)
    assert (found["pending"], found["quarantined"], found["oldest_pending_seconds"]) == (4, 4, 0)
    paris = found["accounts"]["paris"]
    assert (paris["pending"], paris["quarantined"], paris["oldest_pending_seconds"]) == (2, 2, 0)
    assert found["accepted"] == (LIMIT + 2) * 2
    product.clock.forward(hours=19)
    found = report(product)
    assert (found["quarantined"], found["oldest_pending_seconds"]) == (0, 24 * 3600), "their time has come"


@pytest.mark.seconds
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
