"""Forms that have gone silent are found every hour, by one query, logged and measured."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.reasons import ReasonCode
from chalicelib.observability import metrics
from chalicelib.statistics.silent_forms import watch_forms
from local.bench.consumed import Consumed
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product, settings


@pytest.fixture
def product(resources: TestAws) -> Product:
    """With two forms, of which one is watched by hours."""
    product = Product()
    product.settings = settings(
        forms={
            "footer": Form("footer", "paris", "4781", "email", {}),
            "shop": Form("shop", "paris", "4781", "email", {}, silent_after=6.0),
        }
    )
    product.restart()
    return product


@pytest.fixture
def measured(product: Product, capsys: pytest.CaptureFixture[str]) -> Any:
    """`measured()`: the silent forms as the hourly run writes them."""

    def run() -> int:
        metrics.flush()
        capsys.readouterr()
        product.container.collect_stats({}, FakeContext(600_000))
        metrics.flush()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        return sum(line["forms_silent"] for line in lines if "forms_silent" in line)

    return run


def sign_up(product: Product, *forms: str) -> None:
    product.work(*product.store(*(product.signup(f"{form}@example.com", form=form) for form in forms)))


@pytest.mark.seconds
def test_a_silent_form_is_logged_and_measured_until_it_brings_a_signup(
    product: Product, measured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        sign_up(product, "footer", "shop")
        product.clock.forward(days=1)
    sign_up(product, "shop")
    assert measured() == 0
    product.clock.forward(days=2)
    assert measured() == 1, "the shop"
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        product.clock.forward(days=1)
        robot = product.signup("t@example.com", form="footer", refused="trap", refused_code=ReasonCode.TRAP)
        product.work(*product.store(robot))
        assert measured() == 2, "what fills the trap is no sign of life"
    said = [
        (record.__dict__["form"], record.__dict__["last_day"], record.__dict__["usual_days"])
        for record in caplog.records
        if record.message == "form silent"
    ]
    assert said == [("footer", "2026-03-30", 1), ("shop", "2026-03-31", None)]
    sign_up(product, "footer", "shop")
    assert measured() == 0


def test_a_run_costs_one_query_whatever_the_number_of_forms(product: Product) -> None:
    sign_up(product, "footer", "shop")
    product.clock.forward(hours=9)
    consumed = Consumed()
    consumed.watch(product.container.table._client.meta.events)
    watch_forms(product.container)
    assert consumed.calls == {"Query": 1}


def test_a_ledger_that_does_not_answer_keeps_no_statistics_from_being_read(
    product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> Any:
        raise LedgerUnavailable("down")

    monkeypatch.setattr(product.container.counts, "read_with_hours", fails)
    product.clock.forward(days=1)
    watch_forms(product.container)
    assert "silence of forms not checked: ledger unavailable" in caplog.messages
