"""The nightly pass: each inconsistency is created on purpose, then found and repaired."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Delivery, Event, Status
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.ledger.event_items import event_item
from chalicelib.ledger.event_puts import put_delivery
from chalicelib.ledger.keys import IndexRange, sort_key
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from chalicelib.reconciliation import findings
from chalicelib.reconciliation.nightly_pass import Checkpoints
from chalicelib.reconciliation.rules import Progress
from tests.operators.support import calls, end, ended, enqueued, items
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

BOTH = ("paris", "lyon")


@pytest.fixture
def night(product: Product) -> Any:
    """`night(milliseconds)`: a run of `sweep` on the next night; `{"enqueued": n}`."""

    def run(milliseconds: int = 55_000) -> dict[str, Any]:
        product.clock.forward(hours=24)
        return product.container.sweep(FakeContext(milliseconds))

    return run


def take_out(
    aws: TestAws, event_id: str, sort: str = "E", change: str = "REMOVE due_pk, due_sk", **values: Any
) -> None:
    """Change an item behind the product's back."""
    more: Any = {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    key = {"pk": {"S": f"E#{event_id}"}, "sk": {"S": sort}}
    aws.dynamodb.update_item(TableName="relais-local-ledger", Key=key, UpdateExpression=change, **more)


def orphan(product: Product, email: str = "a@example.com") -> Event:
    """An event whose acceptance failed half-way: its deliveries exist, the event does not."""
    event = product.unsubscribe(email, accounts=BOTH)
    for account in BOTH:
        put_delivery(product.container.table, event, account, product.container.events.expiry)
    return event


def put_the_event(product: Product, event: Event) -> None:
    """What the sender's request does that found the deliveries there, as they were before they were retired."""
    product.container.table.put_new(event_item(replace(event, accepted_at=product.clock())))


@pytest.mark.seconds
@pytest.mark.parametrize(
    "change",
    ["REMOVE due_pk, due_sk", pytest.param("REMOVE due_sk", marks=pytest.mark.slow), "SET due_pk = :elsewhere"],
)
def test_a_pending_delivery_missing_from_the_index_is_put_back(
    product: Product, resources: TestAws, night: Any, change: str
) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    values = {"elsewhere": {"S": "nowhere"}} if "elsewhere" in change else {}
    take_out(resources, event_id, change=change, **values)
    product.clock.forward(minutes=2)
    assert product.container.sweeper.run() == {"enqueued": 0}
    assert night() == {"enqueued": 1}
    assert enqueued(resources) == [event_id]
    assert product.container.sweeper.run() == {"enqueued": 1}, "from now on sweep finds it by itself"
    product.work(event_id)
    assert product.paris.emails == ["a@example.com"]


def test_a_delivery_of_an_event_for_several_accounts_is_put_back(
    product: Product, resources: TestAws, night: Any
) -> None:
    (event_id,) = product.store(product.unsubscribe("a@example.com", accounts=BOTH))
    for account in BOTH:
        take_out(resources, event_id, f"D#{account}")
    assert night() == {"enqueued": 2}
    assert enqueued(resources, "unsubscribes") == [event_id], "one notification for both"
    product.work(event_id)
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["a@example.com"]


@pytest.mark.seconds
def test_a_restored_delivery_keeps_its_due_time(product: Product, resources: TestAws, night: Any) -> None:
    event = product.signup("a@example.com")
    product.store(event)
    until = product.clock() + timedelta(hours=30)
    waiting = Delivery("paris", attempts=1, reason="down", next_attempt_at=until)
    product.container.events.postpone(event, waiting, until, product.clock())
    take_out(resources, event.id)
    night()
    enqueued(resources)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.clock.forward(hours=6)
    assert product.container.sweeper.run() == {"enqueued": 1}


def test_a_missing_index_entry_is_rewritten(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, hidden = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    before = items(resources, shown)["E"]["due_sk"], items(resources, hidden)["E"]["due_sk"]
    query_due_at = Table.query_due_at

    def without(self: Table, *place: Any) -> Iterator[dict[str, Any]]:
        return (key for key in query_due_at(self, *place) if key["pk"] != f"E#{hidden}")

    monkeypatch.setattr(Table, "query_due_at", without)
    night()
    after = items(resources, shown)["E"]["due_sk"], items(resources, hidden)["E"]["due_sk"]
    assert after[0] == before[0], "sweep enqueues it: there is nothing to repair"
    assert after[1] == {"S": sort_key(IndexRange.SIGNUP, to_ms(product.clock()))}


@pytest.mark.seconds
def test_deliveries_of_a_paused_account_or_list_are_left_unchanged(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "the list is gone", list_only=True)
    ids = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    product.work(ids[0])
    due = items(resources, ids[1])["E"]["due_sk"]
    monkeypatch.setattr(Table, "query_due_at", lambda *_: iter(()))
    night()
    assert items(resources, ids[1])["E"]["due_sk"] == due
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    product.work(*product.store(product.unsubscribe("c@example.com")))
    night()
    assert items(resources, ids[1])["E"]["due_sk"] == due


def test_deliveries_of_an_unknown_account_are_notified(product: Product, resources: TestAws, night: Any) -> None:
    (event_id,) = product.store(product.signup("a@example.com", accounts=("gone",)))
    product.clock.forward(minutes=2)
    assert product.container.sweeper.run() == {"enqueued": 0}, "it was never seen configured"
    assert night() == {"enqueued": 1}
    product.work(*enqueued(resources))
    assert product.delivery(event_id, "gone")["status"] == "parked"


def test_a_final_event_without_expiry_gets_one(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = product.unsubscribe("a@example.com", accounts=BOTH)
    product.store(event)
    end(product, event, Status.DELIVERED, "lyon")
    with monkeypatch.context() as dying:
        dying.setattr(product.container.events, "expire_when_whole", lambda *_: None)
        end(product, event, Status.DELIVERED)
    assert [name for name, item in items(resources, event.id).items() if "expires_at" in item] == []
    night()
    expected = {"N": str(int((product.clock() + timedelta(days=90)).timestamp()))}
    assert {item["expires_at"]["N"] for item in items(resources, event.id).values()} == {expected["N"]}
    assert len(items(resources, event.id)) == 3


def test_a_partly_pending_event_gets_no_expiry(product: Product, resources: TestAws, night: Any) -> None:
    event = product.unsubscribe("a@example.com", accounts=BOTH)
    product.store(event)
    end(product, event, Status.DELIVERED, "lyon")
    night()
    assert [name for name, item in items(resources, event.id).items() if "expires_at" in item] == []


def test_final_items_and_remains_of_an_expired_event_expire(product: Product, resources: TestAws, night: Any) -> None:
    single = ended(product, "a@example.com", Status.DELIVERED)
    take_out(resources, single, change="REMOVE expires_at")
    event = product.unsubscribe("b@example.com", accounts=BOTH)
    product.store(event)
    for account in BOTH:
        end(product, event, Status.DELIVERED, account)
    take_out(resources, event.id, "D#lyon", "REMOVE expires_at")
    key = {"pk": {"S": f"E#{event.id}"}, "sk": {"S": "E"}}
    resources.dynamodb.delete_item(TableName="relais-local-ledger", Key=key)
    night()
    assert "expires_at" in items(resources, single)["E"]
    assert "expires_at" in items(resources, event.id)["D#lyon"]


@pytest.mark.parametrize("accounts", [BOTH, ("paris",)])
def test_an_erasure_request_is_erased_before_it_expires(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch, accounts: tuple[str, ...]
) -> None:
    forget_request = product.unsubscribe("a@example.com", accounts=accounts, all_accounts=True, forget=True)
    product.container.subscriptions.forget("a@example.com", product.clock(), forget_request.id)
    product.store(forget_request)
    with monkeypatch.context() as dying:
        dying.setattr(product.container.events, "expire_when_whole", lambda *_: None)
        product.work(forget_request.id)
    assert "email" in items(resources, forget_request.id)["E"]
    night()
    found = items(resources, forget_request.id)
    assert "email" not in found["E"]
    assert all("expires_at" in item for item in found.values())


@pytest.mark.seconds
def test_deliveries_without_a_stored_event_are_retired(product: Product, resources: TestAws, night: Any) -> None:
    event = orphan(product)
    product.clock.forward(hours=23)
    product.container.sweep(FakeContext(55_000))
    assert product.container.sweeper.run() == {"enqueued": 2}, "its sender may still repeat it"
    night()
    assert product.container.sweeper.run() == {"enqueued": 0}
    assert all("expires_at" in item for item in items(resources, event.id).values())
    taken = items(resources, event.id)
    night()
    assert items(resources, event.id) == taken, "once"


def test_an_event_stored_later_is_delivered_to_every_account(product: Product, resources: TestAws, night: Any) -> None:
    event = orphan(product)
    product.clock.forward(days=1)
    night()
    assert product.container.events.store(replace(event, accepted_at=product.clock()))
    assert not any("expires_at" in item for item in items(resources, event.id).values())
    product.clock.forward(seconds=91)
    assert product.container.sweeper.run() == {"enqueued": 2}, "also when its notification is lost"
    product.work(event.id)
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["a@example.com"]


def test_an_event_stored_while_its_deliveries_are_retired_is_found_by_the_same_pass(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = orphan(product)
    product.clock.forward(days=1)
    let_expire, done = findings.FindingStore.let_expire, list[str]()

    def at_this_moment(self: Any, left: Any, now: Any) -> bool:
        if not done:
            done.append(left.event_id)
            put_the_event(product, event)
        return let_expire(self, left, now)

    monkeypatch.setattr(findings.FindingStore, "let_expire", at_this_moment)
    assert night() == {"enqueued": 4}, "both by sweep, then both by the pass"
    assert not any("expires_at" in item for item in items(resources, event.id).values())
    product.work(*set(enqueued(resources, "unsubscribes")))
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["a@example.com"]


def test_an_event_stored_just_after_is_found_by_the_next_pass(product: Product, resources: TestAws, night: Any) -> None:
    event = orphan(product)
    product.clock.forward(days=1)
    night()
    enqueued(resources, "unsubscribes")
    put_the_event(product, event)
    assert night() == {"enqueued": 2}
    assert not any("expires_at" in item for item in items(resources, event.id).values())
    product.work(*enqueued(resources, "unsubscribes"))
    assert product.paris.unsubscribed_emails == product.providers["lyon"].unsubscribed_emails == ["a@example.com"]


@pytest.mark.seconds
def test_subscription_states_are_never_changed(product: Product, resources: TestAws, night: Any) -> None:
    product.work(*product.store(product.unsubscribe("a@example.com", accounts=BOTH, all_accounts=True)))
    product.store(product.signup("b@example.com"))

    def others() -> list[Any]:
        found = resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]
        kept = [item for item in found if not item["pk"]["S"].startswith("E#") and item["pk"]["S"] != "S#sweep"]
        return sorted(kept, key=json.dumps)

    before = others()
    assert [item["sk"]["S"] for item in before if item["pk"]["S"].startswith("A#")] != []
    for _ in range(3):
        product.clock.forward(days=60)
        night()
    states = [item for item in others() if item["pk"]["S"].startswith("A#")]
    assert states == [item for item in before if item["pk"]["S"].startswith("A#")]
    assert not any("expires_at" in item for item in states)


@pytest.mark.seconds
def test_once_a_day_each_item_is_read_once(product: Product, night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "PAGE_ITEMS", 4)
    product.store(*(product.signup(f"p{number}@example.com") for number in range(10)))
    made = calls(product)
    night()
    pages = made.count("Scan")
    assert pages == 13 // 4 + 1, "ten events and what the ledger knows besides, four a page"
    made.clear()
    for _ in range(5):
        product.clock.forward(minutes=1)
        product.container.sweep(FakeContext(55_000))
    assert made.count("Scan") == 0
    night()
    assert made.count("Scan") == pages


@pytest.mark.seconds
def test_an_interrupted_run_is_continued(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "PAGE_ITEMS", 4)
    ids = product.store(*(product.signup(f"p{number}@example.com") for number in range(10)))
    for event_id in ids:
        take_out(resources, event_id)
    page, pages = findings.FindingStore.page, list[Any]()

    def slow(self: Any, after: Any, now: Any) -> Any:
        pages.append(after)
        product.clock.forward(seconds=20)
        return page(self, after, now)

    monkeypatch.setattr(findings.FindingStore, "page", slow)
    assert 0 < night(30_000)["enqueued"] <= 4, "one page, for the next would end too late"
    product.clock.forward(seconds=40)
    product.container.sweep(FakeContext(10_000))
    assert len(pages) == 1, "no page is begun without the time for it"
    product.clock.forward(seconds=60)
    product.container.sweep(FakeContext(30_000))
    product.clock.forward(seconds=60)
    product.container.sweep(FakeContext(300_000))
    assert len(pages) == len(set(pages)) == 4
    assert sorted(set(enqueued(resources))) == sorted(ids)
    assert Checkpoints(product.container.table).read() == Progress("2026-03-02", None, True, 4)


def test_a_dead_run_is_taken_over_and_a_running_one_is_not(
    product: Product, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.store(product.signup("a@example.com"))
    product.clock.forward(days=1)

    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(findings.FindingStore, "page", dies)
        with pytest.raises(KeyboardInterrupt):
            product.container.sweep(FakeContext(55_000))
    made = calls(product)
    product.clock.forward(seconds=54)
    product.container.sweep(FakeContext(55_000))
    assert "Scan" not in made, "it may still be at it"
    product.clock.forward(seconds=6)
    product.container.sweep(FakeContext(55_000))
    assert made.count("Scan") == 1


def test_an_unavailable_ledger_is_scanned_again(
    product: Product, resources: TestAws, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    take_out(resources, event_id)

    def unavailable(*_: Any) -> Any:
        raise LedgerUnavailable("the ledger did not answer: Test")

    with monkeypatch.context() as failing:
        failing.setattr(findings.FindingStore, "page", unavailable)
        assert night() == {"enqueued": 0}
    product.clock.forward(minutes=1)
    assert product.container.sweep(FakeContext(55_000)) == {"enqueued": 1}


def test_repairs_are_counted_and_logged(
    product: Product, resources: TestAws, night: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (lost,) = product.store(product.signup("a@example.com"))
    take_out(resources, lost)
    final = ended(product, "b@example.com", Status.DELIVERED)
    take_out(resources, final, change="REMOVE expires_at")
    retired = orphan(product, "c@example.com")
    product.clock.forward(hours=1)
    metrics.flush()
    capsys.readouterr()
    night()
    metrics.flush()
    out = capsys.readouterr()
    lines = [json.loads(line) for line in (out.out + out.err).splitlines() if line.startswith("{")]
    said = {line["what"]: (line["deliveries"], line["event_ids"]) for line in lines if "what" in line}
    assert said == {
        "repaired_pending": (1, [lost]), "repaired_expiry": (1, [final]), "repaired_orphans": (2, [retired.id]),
    }  # fmt: skip
    named = ("repaired", "nightly")
    counted = {name: value for line in lines for name, value in line.items() if name.startswith(named)}
    assert counted == {"repaired_pending": 1, "repaired_expiry": 1, "repaired_orphans": 2, "nightly_passes": 1}
    assert "@example.com" not in out.out + out.err
