"""`report`: every delivery counted once, in the state it has at this moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Status
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger.event_puts import put_delivery
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from tests.operators.support import calls, end, ended, report
from tests.support.aws import TestAws
from tests.support.product import Product

NOTHING = {
    "accepted": 0, "delivered": 0, "superseded": 0, "refused": 0, "parked": 0, "pending": 0, "quarantined": 0,
    "oldest_pending_seconds": 0, "oldest_unsubscribe_seconds": 0,
    "reasons": {"refused": {}, "parked": {}, "pending": {}},
}  # fmt: skip
LEDGER = "relais-local-ledger"
QUEUES = {kind: {"messages": 0, "oldest_seconds": 0} for kind in ("signups", "unsubscribes", "syncs")}


def test_an_empty_ledger_gives_an_empty_report(product: Product) -> None:
    idle = {**NOTHING, "paused": None}
    assert report(product) == {**NOTHING, "queues": QUEUES, "accounts": {"paris": idle, "lyon": idle}}


def test_every_status_of_every_account_is_counted(product: Product) -> None:
    product.store(product.signup("p@example.com"))
    for n, status in enumerate((Status.DELIVERED, Status.DELIVERED, Status.SUPERSEDED, Status.REFUSED, Status.PARKED)):
        ended(product, f"p{n}@example.com", status)
    product.store(product.signup("bot@example.com", refused="trap"))
    ended(product, "gone@example.com", Status.PARKED, accounts=("paris",))
    product.clock.forward(seconds=30)
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both)
    end(product, both, Status.DELIVERED, "lyon")
    product.clock.forward(seconds=10.9)
    found = report(product)
    accounts = found.pop("accounts")
    assert found == {
        "accepted": 10, "delivered": 3, "superseded": 1, "refused": 2, "parked": 2, "pending": 2, "quarantined": 0,
        "oldest_pending_seconds": 40, "oldest_unsubscribe_seconds": 10,
        "reasons": {"refused": {"invalid_message": 1}, "parked": {}, "pending": {}}, "queues": QUEUES,
    }  # fmt: skip
    assert accounts["lyon"] == {**NOTHING, "accepted": 1, "delivered": 1, "paused": None}
    assert (accounts["paris"]["accepted"], accounts["paris"]["pending"]) == (9, 2)
    product.work(both.id)
    product.clock.forward(seconds=1)
    assert report(product)["accounts"]["lyon"]["delivered"] == 1


def test_reasons_are_counted_by_code_for_each_account_and_together(product: Product) -> None:
    def refuse(account: str, code: ReasonCode, count: int) -> None:
        events = [product.signup(f"p{n}@example.com", accounts=(account,), refused="no", refused_code=code)
                  for n in range(count)]  # fmt: skip
        product.store(*events)

    refuse("paris", ReasonCode.TRAP, 1)
    refuse("paris", ReasonCode.UNKNOWN_FIELD, 3)
    refuse("lyon", ReasonCode.UNKNOWN_FIELD, 2)
    leave = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(leave)
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "no", reason_code=ReasonCode.WRONG_KEY)
    product.work(leave.id)
    found = report(product)
    nothing: dict[str, dict[str, int]] = {"refused": {}, "parked": {}, "pending": {}}
    assert found["accounts"]["lyon"]["reasons"] == nothing | {"refused": {"unknown_field": 2}}
    paris = nothing | {"refused": {"unknown_field": 3, "trap": 1}, "pending": {"wrong_key": 1}}
    assert found["accounts"]["paris"]["reasons"] == paris
    assert found["reasons"] == paris | {"refused": {"unknown_field": 5, "trap": 1}}
    assert list(found["reasons"]["refused"]) == ["unknown_field", "trap"], "the most frequent first"


def test_the_age_counts_from_acceptance_even_after_failures(product: Product) -> None:
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.clock.forward(seconds=5)
    product.work(both.id)
    product.clock.forward(seconds=7)
    found = report(product)
    assert (found["pending"], found["delivered"], found["oldest_pending_seconds"]) == (1, 1, 12)
    assert found["accounts"]["lyon"]["oldest_pending_seconds"] == 0


def test_the_oldest_unsubscribe_is_that_of_the_account_it_was_not_delivered_to(product: Product) -> None:
    product.store(product.signup("s@example.com"))
    product.clock.forward(hours=1)
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both, product.unsubscribe("v@example.com"))
    end(product, both, Status.DELIVERED, "paris")
    product.clock.forward(hours=1)
    product.store(product.unsubscribe("w@example.com"))
    product.clock.forward(hours=25)
    found = report(product)
    assert (found["oldest_pending_seconds"], found["oldest_unsubscribe_seconds"]) == (27 * 3600, 26 * 3600)
    end(product, both, Status.DELIVERED, "lyon")
    found = report(product)
    assert found["accounts"]["lyon"]["oldest_unsubscribe_seconds"] == 0
    assert found["accounts"]["paris"]["oldest_unsubscribe_seconds"] == 26 * 3600


def test_a_paused_account_is_shown(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key of someone@example.com refused")
    product.work(*product.store(product.signup("a@example.com")))
    found = report(product)["accounts"]
    assert found["paris"]["paused"] == {"until": "2026-03-01T09:30:30Z", "reason": "key of …@… refused", "lists": []}
    assert found["lyon"]["paused"] is None
    product.clock.forward(seconds=60)
    assert report(product)["accounts"]["paris"]["paused"] is not None, "until a probe has ended it"


def test_a_paused_list_is_shown_with_its_account(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "the list is gone", list_only=True)
    product.work(*product.store(product.signup("a@example.com"), product.signup("b@example.com", list="12")))
    paused = report(product)["accounts"]["paris"]["paused"]
    assert paused == {"until": "2026-03-01T09:30:30Z", "reason": "the list is gone", "lists": ["12", "4781"]}


def test_expired_items_are_not_counted(product: Product) -> None:
    ended(product, "a@example.com", Status.DELIVERED)
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    product.store(both)
    for account in both.accounts:
        end(product, both, Status.DELIVERED, account)
    product.clock.forward(days=89)
    assert report(product)["delivered"] == 3
    product.clock.forward(days=2)
    assert report(product)["delivered"] == 0


def test_a_removed_account_is_listed_while_it_has_deliveries(product: Product) -> None:
    product.work(*product.store(product.signup("a@example.com", accounts=("gone",))))
    found = report(product)
    assert (found["parked"], found["accounts"]["gone"]["parked"]) == (1, 1)


def test_deliveries_without_a_stored_event_are_not_counted(product: Product) -> None:
    both = product.unsubscribe("u@example.com", accounts=("paris", "lyon"))
    put_delivery(product.container.table, both, "paris", product.container.events.expiry)
    assert report(product)["accepted"] == 0
    product.store(both)
    assert report(product)["pending"] == 2


def test_the_order_of_items_does_not_matter(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = Table.scan

    def backwards(self: Table, *args: Any) -> Iterator[list[dict[str, Any]]]:
        for page in reversed(list(scan(self, *args))):
            yield from ([item] for item in reversed(page))

    for n in range(5):
        both = product.unsubscribe(f"u{n}@example.com", accounts=("paris", "lyon"))
        product.store(both)
        end(product, both, Status.DELIVERED, "lyon")
    product.clock.forward(seconds=3)
    expected = report(product)
    monkeypatch.setattr(Table, "scan", backwards)
    assert report(product) == expected
    assert (expected["pending"], expected["delivered"], expected["oldest_pending_seconds"]) == (5, 5, 3)


@pytest.mark.seconds
def test_a_ledger_of_many_pages_is_counted(product: Product, resources: TestAws) -> None:
    filler = {"S": "x" * 100_000}
    puts: list[Any] = [
        {
            "PutRequest": {
                "Item": {
                    "pk": {"S": f"E#{n}"}, "sk": {"S": "E"}, "status": {"S": "delivered" if n % 3 else "pending"},
                    "accounts": {"L": [{"S": "paris"}]}, "accepted": {"N": str(1772357400000 - n * 1000)},
                    "type": {"S": "signup"}, "fields": filler,
                }
            }
        }
        for n in range(150)
    ]  # fmt: skip
    for start in range(0, len(puts), 25):
        resources.dynamodb.batch_write_item(RequestItems={LEDGER: puts[start : start + 25]})
    made = calls(product)
    found = report(product)
    assert (found["accepted"], found["delivered"], found["pending"]) == (150, 100, 50)
    assert found["oldest_pending_seconds"] == 147
    assert made.count("Scan") > 8


def test_other_ledger_items_are_not_counted(product: Product) -> None:
    product.work(*product.store(product.signup("a@example.com")))  # writes a subscription state and an account state
    product.container.table.put_new({"pk": "S#paris", "sk": "other", "status": "pending", "accounts": ["paris"]})
    assert report(product)["accepted"] == 1


def test_too_little_time_is_reported(product: Product) -> None:
    product.store(product.signup("a@example.com"))
    made = calls(product)
    answer = report(product, milliseconds=4_000)
    assert "Scan" not in made
    assert list(answer) == ["error"]
    assert answer["error"]["kind"] == "later"
    assert "timeout" in answer["error"]["message"]


def test_an_unavailable_ledger_is_reported(product: Product, resources: TestAws) -> None:
    assert report(product)["accepted"] == 0
    resources.dynamodb.delete_table(TableName=LEDGER)
    assert report(product)["error"]["kind"] == "later"


def test_an_unreadable_account_state_is_reported(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(account: str) -> None:
        raise LedgerUnavailable("the ledger did not answer: Test")

    monkeypatch.setattr(product.container.accounts, "read", unavailable)
    assert report(product)["error"]["message"] == "the ledger did not answer: Test"


def test_metrics_are_written_per_account(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    product.store(product.signup("a@example.com"))
    metrics.flush()
    capsys.readouterr()
    report(product)
    metrics.flush()
    lines = {line["account"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (lines["paris"]["pending"], lines["lyon"]["pending"]) == (1, 0)


def test_the_report_only_reads(product: Product) -> None:
    product.store(product.unsubscribe("u@example.com", accounts=("paris", "lyon")))
    made = calls(product)
    report(product)
    assert set(made) <= {"Scan", "GetItem", "BatchGetItem"}


def test_an_event_stored_twice_counts_once(product: Product) -> None:
    event = product.signup("a@example.com")
    product.store(event)
    product.store(event)
    assert report(product)["accepted"] == 1
    product.clock.forward(minutes=2)
    product.work(event.id)
    found = report(product)
    assert (found["accepted"], found["delivered"], found["pending"]) == (1, 1, 0)
