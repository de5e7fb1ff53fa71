"""`forget`: the person is unsubscribed everywhere at once, and all personal data is erased once it is final."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Status
from chalicelib.ledger import erasing
from chalicelib.ledger.table import Table
from tests.privacy.support import MINUTE, PERSONAL, ZOE, delivered, down, event_item, forget, holders, new_product, up
from tests.support.memory import MemoryDynamo
from tests.support.product import ADDRESS_KEY, START, Product, settings


def test_personal_data_of_a_delivered_signup_is_erased_and_the_rest_stays(
    product: Product, ledger: MemoryDynamo
) -> None:
    event_id = delivered(product, "Zoe@Example.com")
    before = event_item(ledger, event_id)
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    after = event_item(ledger, event_id)
    assert before.keys() - after.keys() == PERSONAL - {"waiting_ids"}
    assert after.keys() - before.keys() == {"erased"}
    assert all(after[name] == before[name] for name in before.keys() - PERSONAL)
    assert product.delivery(event_id)["status"] == "delivered"
    assert holders(ledger, "example.com") == []
    assert holders(ledger, "203.0.113") == []


def test_every_account_is_unsubscribed_and_the_state_for_all_accounts_records_it(product: Product) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    forget(product, " ZOE@example.com ")
    assert [provider.unsubscribed_emails for provider in product.providers.values()] == [[ZOE, "ZOE@example.com"]] * 2
    (state,) = product.container.subscriptions.of(ZOE)["*"]
    at = 1772357460000  # 2026-03-01T09:31:00Z
    assert (state.unsubscribed_at, state.forgotten_at) == (at, at)
    forget_request = product.view(state.unsubscribed_by or "")
    assert (forget_request["type"], forget_request["status"]) == ("unsubscribe", "delivered")


def test_a_provider_that_supports_deletion_deletes(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    known = product.container.capabilities

    def deletes(account: str) -> Any:
        found = known(account)
        return found and replace(found, deletes_subscribers=account == "lyon")

    monkeypatch.setitem(product.container.__dict__, "capabilities", deletes)
    forget(product)
    assert (product.providers["lyon"].forgotten, product.providers["lyon"].unsubscribed_emails) == ([ZOE], [])
    assert (product.paris.forgotten, product.paris.unsubscribed_emails) == ([], [ZOE])
    product.work(*product.store(product.unsubscribe(ZOE, START + MINUTE, accounts=("lyon",))))
    assert product.providers["lyon"].unsubscribed_emails == [ZOE], "an ordinary unsubscribe deletes nothing"


def test_repeating_is_harmless(product: Product) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    assert [forget(product) for _ in range(3)] == [{"erased": 1, "waiting": 0}, *[{"erased": 0, "waiting": 0}] * 2]
    assert product.paris.unsubscribed_emails == [ZOE]


def test_an_unknown_person_can_be_erased_too(product: Product, ledger: MemoryDynamo) -> None:
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert product.paris.unsubscribed_emails == [ZOE]
    assert holders(ledger, ZOE) == []


def test_a_pending_signup_is_superseded_at_once_without_a_call(product: Product, ledger: MemoryDynamo) -> None:
    (event_id,) = product.store(product.signup(ZOE))
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert product.delivery(event_id)["status"] == "superseded"
    assert product.paris.emails == []
    assert holders(ledger, ZOE) == []
    assert "expires_at" in event_item(ledger, event_id)


def test_deferred_signups_and_signups_of_a_paused_account_are_superseded_too(product: Product) -> None:
    down(product, "paris")
    ids = product.store(product.signup(ZOE), product.signup(ZOE))
    product.work(ids[0])
    assert product.delivery(ids[0])["next_attempt_at"] is not None
    assert forget(product) == {"erased": 2, "waiting": 1}, "the erasure request waits for paris"
    assert [product.delivery(event_id)["status"] for event_id in ids] == ["superseded"] * 2


def test_a_pending_event_is_erased_by_the_worker_that_finishes_it(product: Product, ledger: MemoryDynamo) -> None:
    leave = product.unsubscribe(ZOE, accounts=("paris", "lyon"), all_accounts=True)
    down(product, "paris")
    product.work(*product.store(leave))
    assert forget(product) == {"erased": 0, "waiting": 2}
    assert forget(product) == {"erased": 0, "waiting": 2}
    up(product)
    product.clock.forward(hours=2)
    product.work(leave.id)
    assert holders(ledger, ZOE) == [f"E#{product.container.subscriptions.of(ZOE)['*'][0].unsubscribed_by}"]
    product.container.sweeper.run()
    product.work(product.container.subscriptions.of(ZOE)["*"][0].unsubscribed_by or "")
    assert holders(ledger, ZOE) == []
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert product.paris.unsubscribed_emails == [ZOE, ZOE]


@pytest.mark.parametrize(
    ("status", "accounts"),
    [
        (Status.PARKED, ("paris",)),
        (Status.PARKED, ("paris", "lyon")),
        (Status.REFUSED, ("paris", "lyon")),
        (Status.SUPERSEDED, ("paris",)),
    ],
)
def test_events_of_every_final_status_are_erased_and_never_resent(
    product: Product, ledger: MemoryDynamo, status: Status, accounts: tuple[str, ...]
) -> None:
    from tests.operators.support import end, resend

    event = product.unsubscribe(ZOE, accounts=accounts)
    product.store(event)
    for account in accounts:
        end(product, event, status, account)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert holders(ledger, ZOE) == []
    assert resend(product, status="parked", id=event.id) == {"resent": 0}
    assert resend(product, status="refused", id=event.id) == {"resent": 0}
    assert {one["status"] for one in product.view(event.id)["deliveries"]} == {status.value}


def test_a_resent_event_is_not_erased_under_its_worker(product: Product) -> None:
    from chalicelib.operators.requeue import Requeues
    from tests.operators.support import end

    event = product.unsubscribe(ZOE, accounts=("paris", "lyon"))
    product.store(event)
    for account in event.accounts:
        end(product, event, Status.PARKED, account)
    table = product.container.table
    seen = table.query(f"E#{event.id}")
    (stored,) = product.container.events.load([event.id])
    assert Requeues(product.container).requeue(stored, "lyon", product.clock())
    assert erasing.erase_items(table, seen, product.clock()) is erasing.ErasureOutcome.WAITING
    (stored,) = product.container.events.load([event.id])
    assert stored.event.email == ZOE
    assert not Requeues(product.container).requeue(stored, "paris", product.clock()), "marked before"


def test_events_under_two_address_keys_are_erased(ledger: MemoryDynamo) -> None:
    old = new_product(dynamo=ledger)
    event_id = delivered(old)
    keys = (Secret.plain("placeholder-address-key-2"), Secret.plain(ADDRESS_KEY))
    product = new_product(
        settings=settings(privacy=Privacy(keys)), clock=old.clock, providers=old.providers, dynamo=ledger
    )
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert "email" not in event_item(ledger, event_id)
    assert product.paris.unsubscribed_emails == [ZOE]
    assert {len(states) for states in product.container.subscriptions.of(ZOE).values()} == {1, 2}, "found under both"
    third = (Secret.plain("placeholder-address-key-3"), *keys)
    newest = new_product(
        settings=settings(privacy=Privacy(third)), clock=old.clock, providers=old.providers, dynamo=ledger
    )
    late = newest.signup(ZOE, START)
    both = newest.unsubscribe(ZOE, START, accounts=("paris", "lyon"))
    newest.work(*newest.store(late, both))
    assert newest.delivery(late.id)["status"] == "superseded"
    assert holders(ledger, ZOE) == []
    assert forget(newest) == {"erased": 0, "waiting": 0}


def test_similar_addresses_are_not_erased(product: Product, ledger: MemoryDynamo) -> None:
    others = ["zoe+shop@example.com", "zoe@example.org", "azoe@example.com", "zoe@example.com.example"]
    for email in others:
        delivered(product, email)
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert len(holders(ledger, "zoe")) == len(others)


def test_spellings_of_an_international_domain_are_erased(product: Product, ledger: MemoryDynamo) -> None:
    delivered(product, "zoé@exämple.com")
    product.clock.forward(minutes=1)
    assert forget(product, "ZOÉ@xn--exmple-cua.com") == {"erased": 1, "waiting": 0}


@pytest.mark.parametrize(
    "event", [None, [], {}, {"email": 5}, {"email": ""}, {"email": "nobody"}, {"email": ZOE, "confirm": True}]
)
def test_wrong_parameters_are_rejected_with_the_right_ones(product: Product, event: Any) -> None:
    from tests.support.product import FakeContext

    answer = product.container.forget(event, FakeContext())
    assert answer["error"]["kind"] == "caller"
    assert ZOE not in str(answer)
    assert product.paris.unsubscribed_emails == []


def test_running_out_of_time_is_reported_and_the_person_is_unsubscribed(product: Product) -> None:
    event_id = delivered(product)
    product.clock.forward(minutes=1)
    answer = forget(product, milliseconds=4_000)
    assert answer["error"] == {
        "kind": "later",
        "message": "the time ran out; call again for the rest",
        "provider_code": None,
    }
    assert product.container.subscriptions.of(ZOE)["*"][0].forgotten_at is not None
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert product.delivery(event_id)["status"] == "delivered"
    assert product.paris.unsubscribed_emails == [ZOE]


@pytest.mark.parametrize("at", [1, 2, 4, 7, 10])
def test_a_ledger_failure_at_any_point_is_reported_and_repaired_by_repeating(
    product: Product, ledger: MemoryDynamo, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    delivered(product)
    product.store(product.signup(ZOE))
    product.clock.forward(minutes=1)
    left = [at]
    update = Table.update

    def failing(self: Table, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise LedgerUnavailable("the ledger did not answer: placeholder")
        return update(self, *args, **options)

    monkeypatch.setattr(Table, "update", failing)
    answer = forget(product)
    assert "error" not in answer or answer["error"]["message"].endswith("; call again for the rest")
    monkeypatch.undo()
    product.clock.forward(hours=2)
    answers = [forget(product), forget(product)]
    assert answers[-1] == {"erased": 0, "waiting": 0}
    assert holders(ledger, ZOE) == []
    assert product.paris.unsubscribed_emails[-1:] == [ZOE]


def test_no_log_line_shows_the_address(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    with caplog.at_level(logging.DEBUG):
        forget(product)
    assert "person forgotten" in caplog.text
    assert ZOE not in json.dumps([record.__dict__ for record in caplog.records], default=str)
