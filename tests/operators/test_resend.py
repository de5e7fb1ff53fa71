"""`resend`: final events are sent again, once, through any failures in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import EventType, Status
from chalicelib.notification.notifier import QUEUE_OF
from tests.operators.support import end, ended, enqueued, items, report, resend
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product


def test_a_parked_signup_is_resent(product: Product, resources: TestAws) -> None:
    event_id = ended(product, "a@example.com", Status.PARKED)
    product.clock.forward(days=3)
    assert resend(product) == {"resent": 1}
    delivery = product.delivery(event_id)
    assert (delivery["status"], delivery["attempts"], delivery["reason"]) == ("pending", 3, None)
    assert delivery["updated_at"] == "2026-03-04T09:30:00Z"
    assert "expires_at" not in items(resources, event_id)["E"]
    assert enqueued(resources) == [event_id]
    product.work(event_id)
    delivery = product.delivery(event_id)
    assert (delivery["status"], delivery["attempts"], delivery["reason"]) == ("delivered", 4, None)
    assert product.paris.emails == ["a@example.com"]
    assert "expires_at" in items(resources, event_id)["E"]


def test_a_resent_event_is_due_at_once_in_case_its_notification_is_lost(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = ended(product, "a@example.com", Status.PARKED)
    monkeypatch.setattr(product.container.notifier, "notify", lambda *_: False)
    assert resend(product) == {"resent": 1}
    monkeypatch.undo()
    assert product.container.sweeper.run() == {"enqueued": 1}
    assert enqueued(resources) == [event_id]


def test_the_give_up_time_restarts(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    (event_id,) = product.store(product.signup("a@example.com"))
    product.clock.forward(days=8)
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "parked"
    assert resend(product) == {"resent": 1}
    product.clock.forward(days=6)
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "pending"
    product.clock.forward(days=2)
    product.work(event_id)
    delivery = product.delivery(event_id)
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("parked", "down", 3)


def test_sweep_does_not_park_a_resent_event_of_a_paused_account(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    (first,) = product.store(product.signup("a@example.com"))
    product.clock.forward(days=8)
    product.work(first)
    assert product.delivery(first)["status"] == "parked"
    resend(product)
    assert product.container.sweeper.run() == {"enqueued": 0}, "the account is paused"
    product.work(first)
    assert product.delivery(first)["status"] == "pending"


def test_a_delivered_event_keeps_no_reason_of_earlier_attempts(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    (event_id,) = product.store(product.signup("a@example.com"))
    product.work(event_id)
    assert product.delivery(event_id)["reason"] == "down"
    product.paris.rule = None
    product.clock.forward(minutes=5)
    product.work(event_id)
    assert (product.delivery(event_id)["status"], product.delivery(event_id)["reason"]) == ("delivered", None)


def test_repeating_the_call_changes_nothing(product: Product, resources: TestAws) -> None:
    event_id = ended(product, "a@example.com", Status.PARKED)
    assert [resend(product), resend(product)] == [{"resent": 1}, {"resent": 0}]
    product.work(event_id)
    assert [resend(product), resend(product, id=event_id)] == [{"resent": 0}, {"resent": 0}]
    assert len(product.paris.emails) == 1
    assert enqueued(resources) == [event_id]


@pytest.mark.seconds
def test_concurrent_calls_resend_once(product: Product) -> None:
    both = [product.unsubscribe(f"u{n}@example.com", accounts=("paris", "lyon")) for n in range(5)]
    product.store(*both)
    for event in both:
        end(product, event, Status.PARKED, "paris")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: resend(product), range(3)))
    assert sum(answer["resent"] for answer in answers) == 5


@pytest.mark.parametrize("status", [Status.PARKED, Status.REFUSED])
def test_what_was_erased_is_not_sent_again_not_even_by_its_id(product: Product, status: Status) -> None:
    event_id = ended(product, "a@example.com", status)
    assert product.container.forget({"email": "a@example.com"}, FakeContext())["erased"] == 1
    assert resend(product, status=status.value, id=event_id) == {"resent": 0}
    assert resend(product, status=status.value) == {"resent": 0}
    assert product.view(event_id)["status"] == status.value


def test_a_trapped_signup_can_be_delivered_by_an_operator(product: Product) -> None:
    (event_id,) = product.store(product.signup("person@example.com", refused="trap", fields={"prenom": "Zoé"}))
    assert resend(product, id=event_id, status="refused") == {"resent": 1}
    product.work(event_id)
    assert product.paris.rows == [("4781", "person@example.com", {"prenom": "Zoé"})]


def test_events_without_an_address_are_skipped(product: Product, resources: TestAws) -> None:
    product.work(
        bodies=(
            {"type": "signup", "id": "invalid", "form": "nowhere", "email": "a@example.com"},
            {"type": "sync", "id": "no-sync", "kind": "nothing"},
        )
    )
    product.store(product.signup("", id="erased", refused="erased"))
    assert resend(product, status="refused") == {"resent": 0}
    for event_id in ("invalid", "no-sync", "erased"):
        assert resend(product, status="refused", id=event_id) == {"resent": 0}
    assert enqueued(resources) == []


def test_an_address_erased_meanwhile_is_not_resent(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    single = ended(product, "a@example.com", Status.PARKED)
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both)
    end(product, both, Status.PARKED, "paris")
    load = product.container.events.load_well_formed

    def then_erased(ids: Any) -> Any:
        found = load(ids)
        for seen in found.stored:
            product.container.table.update((f"E#{seen.event.id}", "E"), "SET email = :none", {"none": ""})
        return found

    monkeypatch.setattr(product.container.events, "load_well_formed", then_erased)
    assert resend(product) == {"resent": 0}
    assert product.delivery(single)["status"] == product.delivery(both.id)["status"] == "parked"


def test_expired_events_are_not_resent(product: Product) -> None:
    single = ended(product, "a@example.com", Status.PARKED)
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both)
    for account in both.accounts:
        end(product, both, Status.PARKED, account)
    product.clock.forward(days=91)
    assert resend(product) == {"resent": 0}
    assert resend(product, id=single) == resend(product, id=both.id) == {"resent": 0}


class TestEventForSeveralAccounts:
    @pytest.fixture
    def both(self, product: Product) -> str:
        event = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
        product.store(event)
        end(product, event, Status.DELIVERED, "lyon")
        product.clock.forward(hours=1)
        return end(product, event, Status.PARKED, "paris")

    @staticmethod
    def expiring(aws: TestAws, event_id: str) -> list[bool]:
        return ["expires_at" in item for item in items(aws, event_id).values()]

    def test_no_part_expires_until_all_deliveries_are_final_again(
        self, product: Product, resources: TestAws, both: str
    ) -> None:
        assert self.expiring(resources, both) == [True, True, True]
        product.clock.forward(days=1)
        assert resend(product) == {"resent": 1}
        assert self.expiring(resources, both) == [False, False, False]
        assert enqueued(resources, "unsubscribes") == [both]
        assert product.delivery(both, "lyon")["status"] == "delivered"
        product.work(both)
        assert product.paris.unsubscribed_emails == ["u@example.com"]
        assert product.providers["lyon"].unsubscribed_emails == []
        ends = {item["expires_at"]["N"] for item in items(resources, both).values()}
        assert ends == {str(int(product.clock().timestamp()) + 90 * 86400)}

    def test_both_deliveries_are_notified_once(self, product: Product, resources: TestAws) -> None:
        event = product.unsubscribe("v@example.com", accounts=("paris", "lyon"))
        product.store(event)
        for account in event.accounts:
            end(product, event, Status.PARKED, account)
        assert resend(product) == {"resent": 2}
        assert enqueued(resources, "unsubscribes") == [event.id]

    @pytest.mark.parametrize("moment", ["before", "within"])
    def test_a_worker_that_read_it_as_final_does_not_set_its_expiry(
        self, product: Product, resources: TestAws, both: str, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        """The worker reads all deliveries as final; then one is resent; then the worker continues."""
        container = product.container
        event, table = container.events.load([both])[0].event, container.table
        query, update = table.query, table.update

        def slow_worker_query(pk: str) -> Any:
            found = query(pk)
            monkeypatch.setattr(table, "query", query)
            assert resend(product) == {"resent": 1}
            return found

        def worker_comes_by(key: Any, change: str, *args: Any, **kwargs: Any) -> Any:
            if change.startswith("SET #status = :pending"):
                monkeypatch.setattr(table, "update", update)
                container.events.expire_when_whole(event, product.clock())
                assert any(self.expiring(resources, both))
            return update(key, change, *args, **kwargs)

        if moment == "before":
            monkeypatch.setattr(table, "query", slow_worker_query)
            container.events.expire_when_whole(event, product.clock())
        else:
            monkeypatch.setattr(table, "update", worker_comes_by)
            assert resend(product) == {"resent": 1}
        assert self.expiring(resources, both) == [False, False, False]
        assert product.delivery(both)["status"] == "pending"

    def test_a_late_second_call_does_not_remove_the_expiry(
        self, product: Product, resources: TestAws, both: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = product.container.events.load_well_formed

        def overtaken(ids: Any) -> Any:
            found = load(ids)
            monkeypatch.setattr(product.container.events, "load_well_formed", load)
            assert resend(product) == {"resent": 1}
            product.work(both)
            return found

        monkeypatch.setattr(product.container.events, "load_well_formed", overtaken)
        assert resend(product, id=both) == {"resent": 0}
        assert self.expiring(resources, both) == [True, True, True]


@pytest.mark.seconds
def test_many_events_are_resent_in_few_messages(product: Product, resources: TestAws) -> None:
    events = [product.signup(f"p{n}@example.com") for n in range(150)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(product.store, events))
        list(pool.map(lambda event: end(product, event, Status.PARKED), events))
    assert resend(product) == {"resent": 150}
    assert resources.waiting("relais-local-signups") <= 16
    assert enqueued(resources) == sorted(event.id for event in events)
    assert report(product)["pending"] == 150


def test_running_out_of_time_is_reported_and_the_call_can_be_repeated(product: Product) -> None:
    ended(product, "a@example.com", Status.PARKED)
    answer = resend(product, milliseconds=4_000)
    assert (answer["resent"], answer["error"]["kind"]) == (0, "later")
    assert "call again" in answer["error"]["message"]
    assert resend(product) == {"resent": 1}


@pytest.mark.seconds
def test_a_ledger_failing_half_way_loses_nothing(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        ended(product, f"p{n}@example.com", Status.PARKED)
    update, left = product.container.table.update, iter(range(7))

    def sometimes(*args: Any, **kwargs: Any) -> Any:
        if next(left, None) is None:
            raise LedgerUnavailable("the ledger did not answer: Test")
        return update(*args, **kwargs)

    monkeypatch.setattr(product.container.table, "update", sometimes)
    answer = resend(product)
    assert (answer["resent"], answer["error"]["kind"]) == (7, "later")
    assert len(enqueued(resources)) == 7, "resent events are enqueued"
    monkeypatch.undo()
    assert resend(product) == {"resent": 13}


@pytest.mark.seconds
def test_nothing_is_delivered_twice_beside_a_running_worker(product: Product) -> None:
    ids = [ended(product, f"p{n}@example.com", Status.PARKED) for n in range(30)]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(resend, product) for _ in range(2)]
        works = [pool.submit(product.work, *ids) for _ in range(2)]
        sent = sum(answer.result()["resent"] for answer in answers)
        assert all(work.result() == {"batchItemFailures": []} for work in works)
    product.clock.forward(minutes=10)
    product.work(*ids)
    assert sent == 30
    assert sorted(product.paris.emails) == sorted(f"p{n}@example.com" for n in range(30))


def test_an_unknown_outcome_stays_marked(product: Product) -> None:
    event = product.signup("a@example.com")
    product.store(event)
    end(product, event, Status.PARKED, unknown_outcome=True)
    resend(product)
    product.work(event.id)
    assert product.delivery(event.id)["unknown_outcome"] is True


def test_every_type_has_a_queue() -> None:
    assert set(QUEUE_OF) == set(EventType)
