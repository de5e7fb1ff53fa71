"""What `sweep` measures of every account: how long the oldest delivery waits, how long the account has been paused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.ledger.oldest_pending import LOOKED_AT, READ_TOGETHER
from chalicelib.observability import metrics
from local.bench.consumed import Consumed
from tests.support.product import Product


@pytest.fixture
def measured(product: Product, capsys: pytest.CaptureFixture[str]) -> Any:
    """`measured()`: the seconds of the oldest pending delivery and of the pause of paris, as sweep writes them."""
    return lambda: tuple(_ages(product, capsys)[name] for name in ("oldest_pending_seconds", "paused_seconds"))


@pytest.fixture
def late(product: Product, capsys: pytest.CaptureFixture[str]) -> Any:
    """`late(account)`: the age in seconds of the account's oldest undelivered unsubscribe, as written by sweep."""
    return lambda account="paris": _ages(product, capsys, account)["oldest_unsubscribe_seconds"]


def _ages(product: Product, capsys: pytest.CaptureFixture[str], account: str = "paris") -> Any:
    metrics.flush()
    capsys.readouterr()
    product.container.sweeper.run()
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line.get("account") == account and "oldest_pending_seconds" in line]
    return line


def test_an_empty_ledger_reports_no_waiting_events_and_no_pauses(measured: Any) -> None:
    assert measured() == (0, 0)


@pytest.mark.seconds
def test_the_oldest_age_counts_from_acceptance(product: Product, measured: Any) -> None:
    product.store(product.unsubscribe("a@example.com", accounts=("paris", "lyon")))
    product.clock.forward(seconds=30)
    (later,) = product.store(product.signup("b@example.com"))
    product.clock.forward(seconds=15)
    assert measured() == (45, 0)
    product.clock.forward(hours=5)
    assert measured() == (5 * 3600 + 45, 0)
    product.work(later)
    assert measured() == (5 * 3600 + 45, 0)


def test_delivered_events_are_not_counted(product: Product, measured: Any) -> None:
    ids = product.store(product.signup("a@example.com"))
    product.clock.forward(seconds=20)
    assert measured() == (20, 0)
    product.work(*ids)
    assert measured() == (0, 0)


@pytest.mark.seconds
def test_a_repeatedly_deferred_delivery_keeps_its_age(product: Product, measured: Any) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    ids = product.store(product.signup("a@example.com"))
    product.clock.forward(seconds=10)
    for _ in range(12):
        product.work(*ids)
        product.clock.forward(seconds=3600)
    assert measured() == (12 * 3600 + 10, 12 * 3600)


@pytest.mark.seconds
def test_a_pause_without_waiting_events_is_not_reported(product: Product, measured: Any) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    ids = product.store(product.signup("a@example.com"))
    product.work(*ids)
    product.clock.forward(hours=24 * 8)
    assert measured()[1] > 0
    product.work(*ids)  # past hope: parked
    assert product.view(ids[0])["status"] == "parked"
    assert measured() == (0, 0)


@pytest.mark.seconds
def test_untried_events_are_measured_by_the_oldest_ones(product: Product, measured: Any) -> None:
    product.store(*(product.signup(f"p{number}@example.com") for number in range(LOOKED_AT * 8)))
    product.clock.forward(seconds=90)
    product.store(*(product.signup(f"q{number}@example.com") for number in range(LOOKED_AT * 8)))
    product.clock.forward(seconds=1)
    assert measured() == (91, 0)


@pytest.mark.seconds
def test_a_flood_of_one_type_hides_the_age_of_no_other(product: Product, measured: Any, late: Any) -> None:
    product.store(product.signup("a@example.com"))
    product.clock.forward(seconds=90)
    product.store(*(product.unsubscribe(f"u{number}@example.com") for number in range(READ_TOGETHER + 1)))
    product.clock.forward(seconds=1)
    assert (measured(), late()) == ((91, 0), 1)


def test_a_run_costs_six_queries_an_account(product: Product) -> None:
    product.store(product.signup("a@example.com"))
    consumed = Consumed()
    consumed.watch(product.container.table._client.meta.events)
    product.container.sweeper.run()
    accounts = len(product.container.settings.accounts)
    assert consumed.calls["Query"] == 6 * accounts + 1, "what is due, the ages; and what is unconfirmed"


@pytest.mark.seconds
def test_the_unsubscribe_age_grows_until_it_is_delivered_to_every_account(product: Product, late: Any) -> None:
    product.store(product.signup("s@example.com"))
    product.clock.forward(hours=1)
    assert (late("paris"), late("lyon")) == (0, 0)
    (both,) = product.store(product.unsubscribe("u@example.com", accounts=("paris", "lyon")))
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.clock.forward(seconds=7)
    assert (late("paris"), late("lyon")) == (7, 7)
    product.work(both)
    product.clock.forward(hours=25)
    product.store(product.unsubscribe("v@example.com"))
    product.clock.forward(seconds=3)
    assert (late("paris"), late("lyon")) == (25 * 3600 + 10, 0)
    product.paris.rule = None
    product.work(both)
    assert late("paris") == 3
