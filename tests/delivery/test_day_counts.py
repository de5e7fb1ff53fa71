"""What became of events is counted by account, form, day and outcome, once each, whatever is repeated."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Api
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ingestion.accept import accept
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import FakeContext, Product, settings

KEY = "placeholder-admin-key-of-32-chars"


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product()


def counts(product: Product) -> Counter[str]:
    today = product.clock().date()
    found = product.container.counts.read(today - timedelta(days=30), today)
    return Counter({f"{one.type} {one.outcome}{f' {one.code}' if one.code else ''}": one.number for one in found})


def form_signup(product: Product, name: str, **changes: Any) -> str:
    [event_id] = product.store(product.signup(f"{name}@example.com", form="footer", **changes))
    return event_id


def test_each_signup_counts_as_accepted_and_delivered_once(product: Product) -> None:
    ids = [form_signup(product, name) for name in ("a", "b", "c")]
    product.work(*ids)
    product.work(*ids)
    assert counts(product) == {"signup accepted": 3, "signup delivered": 3}


def test_the_last_hour_of_each_form_with_a_signup_of_a_person_is_known(product: Product) -> None:
    trapped = product.signup("t@example.com", form="other", refused="trap", refused_code=ReasonCode.TRAP)
    product.work(form_signup(product, "a"), form_signup(product, "b"), *product.store(trapped))
    first = product.clock().replace(minute=0)
    late = form_signup(product, "c")
    product.clock.forward(hours=3)
    product.work(form_signup(product, "d"))
    product.clock.forward(hours=3)
    product.work(late)
    today = product.clock().date()
    _, hours = product.container.counts.read_with_hours(today - timedelta(days=1), today)
    assert hours == {"footer": first + timedelta(hours=3)}, "by acceptance, whenever a worker counted it"


def test_what_waits_is_accepted_and_is_not_counted_again_later(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    ids = [form_signup(product, name) for name in ("a", "b", "c")]
    for _ in range(3):
        product.work(*ids)
        product.clock.forward(hours=2)
    assert counts(product) == {"signup accepted": 3}
    product.paris.rule = None
    product.work(*ids)
    assert counts(product) == {"signup accepted": 3, "signup delivered": 3}


def test_a_refusal_counts_by_its_code_until_it_is_sent_again(product: Product) -> None:
    error = ProviderError(Kind.CONTACT, "refused", reason_code=ReasonCode.INVALID_ADDRESS)
    product.paris.rule = lambda *_: error
    event_id = form_signup(product, "a")
    product.work(event_id)
    assert counts(product) == {"signup accepted": 1, "signup refused invalid_address": 1}
    product.paris.rule = None
    assert product.container.resend({"status": "refused"}, FakeContext()) == {"resent": 1}
    product.work(event_id)
    assert counts(product) == {"signup accepted": 1, "signup delivered": 1}


def test_an_unsubscribe_from_every_account_counts_once(product: Product) -> None:
    everywhere = product.unsubscribe("a@example.com", accounts=("paris", "lyon"), form="footer", all_accounts=True)
    [event_id] = product.store(everywhere)
    product.work(event_id, queue="unsubscribes")
    found = counts(product)
    assert found["unsubscribe accepted"] == 1
    assert found["unsubscribe delivered"] == 1


def test_robots_are_announced_only_to_be_counted(product: Product, resources: TestAws) -> None:
    trap = product.signup("", form="footer", refused="trap", refused_code=ReasonCode.TRAP)
    accept(product.container, trap)
    product.work(trap.id)
    product.work(trap.id)
    assert counts(product) == {"signup accepted": 1, "signup refused trap": 1}
    assert product.paris.emails == []


def test_an_invalid_message_is_counted_when_it_is_stored(product: Product) -> None:
    record = product.record({"type": "signup", "form": "footer", "email": "no address", "id": "x-1"})
    product.receive(record)
    product.receive(record)
    assert counts(product) == {"signup accepted": 1, "signup refused invalid_message": 1}


def test_counts_belong_to_the_day_of_acceptance(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    event_id = form_signup(product, "a")
    day = product.clock().date()
    product.work(event_id)
    product.clock.forward(days=2)
    product.paris.rule = None
    product.work(event_id)
    found = product.container.counts.read(day, product.clock().date())
    assert {(one.day, one.outcome, one.number) for one in found} == {(day, "accepted", 1), (day, "delivered", 1)}


def test_a_worker_goes_on_when_counts_cannot_be_written(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = form_signup(product, "a")
    counts_of = product.container.counts
    update = counts_of._table.update

    def fails(key: tuple[str, str], *args: Any, **kwargs: Any) -> Any:
        if key[0] == "S#counts":
            raise LedgerUnavailable("throttled")
        return update(key, *args, **kwargs)

    monkeypatch.setattr(counts_of._table, "update", fails)
    assert product.work(event_id) == {"batchItemFailures": []}
    assert product.delivery(event_id)["status"] == "delivered"
    monkeypatch.undo()
    assert counts(product) == {}


def test_the_days_of_forms_are_shown_newest_first(product: Product) -> None:
    product.settings = settings(api=Api(admin_key=Secret.plain(KEY)))
    product.restart()
    product.work(form_signup(product, "a"))
    product.clock.forward(days=1)
    product.work(form_signup(product, "b"), form_signup(product, "c"))
    product.work(*product.store(product.unsubscribe("b@example.com", form="footer")), queue="unsubscribes")
    answer = request(product.container, "GET", "/stats/forms", {"authorization": f"Bearer {KEY}"})
    nothing = {"unconfirmed": 0, "refused": 0, "trapped": 0, "quarantined": 0}
    assert answer.json == {
        "forms": [
            {"form": "footer", "day": "2026-03-02", "accepted": 2, "delivered": 2, "unsubscribes": 1, **nothing},
            {"form": "footer", "day": "2026-03-01", "accepted": 1, "delivered": 1, "unsubscribes": 0, **nothing},
        ]
    }


@pytest.mark.parametrize("days", ["until=0001-01-01", "since=9999-12-31"])
def test_no_day_is_shown_of_a_time_long_before_or_after_today(product: Product, days: str) -> None:
    product.settings = settings(api=Api(admin_key=Secret.plain(KEY)))
    product.restart()
    answer = request(product.container, "GET", f"/stats/forms?{days}", {"authorization": f"Bearer {KEY}"})
    assert (answer.status, answer.json) == (200, {"forms": []})
