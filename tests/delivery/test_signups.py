"""Signups from the ledger to the provider: in bulk, once, and what becomes of refusals and failures."""

from __future__ import annotations

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import Kind, ProviderError
from tests.support.product import Product, settings

pytestmark = pytest.mark.no_cover


def test_a_signup_is_delivered_once_despite_repeated_notifications(product: Product) -> None:
    (event_id,) = product.store(product.signup("a@example.com", fields={"prenom": "Zoé"}))
    for _ in range(3):
        assert product.work(event_id) == {"batchItemFailures": []}
    assert product.paris.rows == [("4781", "a@example.com", {"prenom": "Zoé"})]
    assert product.delivery(event_id) | {"updated_at": None} == {
        "account": "paris",
        "status": "delivered",
        "attempts": 1,
        "reason": None,
        "reason_code": None,
        "unknown_outcome": False,
        "next_attempt_at": None,
        "updated_at": None,
    }


@pytest.mark.seconds
def test_many_signups_are_sent_in_full_batches(product: Product) -> None:
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(300)))
    product.work(*ids)
    assert sorted(size for _, size in product.paris.calls) == [45, 255]
    assert len(set(product.paris.emails)) == 300


def test_two_signups_of_one_address_are_both_delivered(product: Product) -> None:
    ids = product.store(product.signup("a@example.com"), product.signup("A@Example.com", list="4782"))
    product.work(*ids)
    assert [product.delivery(event_id)["status"] for event_id in ids] == ["delivered", "delivered"]
    assert [product.delivery(event_id)["unknown_outcome"] for event_id in ids] == [False, False]


@pytest.mark.seconds
@pytest.mark.parametrize("bad", [100, *(pytest.param(bad, marks=pytest.mark.slow) for bad in (0, 254))])
def test_one_bad_row_does_not_fail_the_others(product: Product, bad: int) -> None:
    product.paris.rule = lambda _, emails: (
        ProviderError(Kind.CONTACT, "no such mailbox") if f"p{bad}@example.com" in emails else None
    )
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(255)))
    product.work(*ids)
    assert product.paris.calls_of("sign_up") <= 17
    assert sorted(product.paris.emails) == sorted(f"p{n}@example.com" for n in range(255) if n != bad)
    refused = product.delivery(ids[bad])
    assert (refused["status"], refused["reason"]) == ("refused", "no such mailbox")
    assert {product.delivery(ids[n])["status"] for n in (1, 50, 253)} == {"delivered"}


def test_rows_of_a_refused_batch_are_marked_as_possibly_stored(product: Product) -> None:
    product.paris.rule = lambda _, emails: ProviderError(Kind.CONTACT, "no") if "bad@example.com" in emails else None
    good, bad = product.store(product.signup("good@example.com"), product.signup("bad@example.com"))
    product.work(good, bad)
    assert product.delivery(good)["unknown_outcome"] is True


@pytest.mark.seconds
def test_a_list_that_refuses_every_row_is_paused_and_no_row_is_refused(product: Product) -> None:
    product.paris.rule = lambda verb, _: ProviderError(Kind.CONTACT, "list full") if verb == "sign_up" else None
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(60)))
    product.work(*ids)
    assert len(product.paris.calls) <= 25
    state = product.container.accounts.read("paris")
    assert state.pause is None
    assert "list full" in state.lists["4781"].reason
    view = product.delivery(ids[7])
    assert (view["status"], view["reason"]) == ("pending", state.lists["4781"].reason)
    product.paris.rule = None
    product.clock.forward(seconds=31)
    product.container.sweeper.run()
    product.work(*ids)
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"delivered"}
    assert not product.container.accounts.read("paris").lists


def test_a_single_refusal_by_a_missing_list_is_a_list_error(product: Product) -> None:
    product.paris.rule = lambda verb, _: ProviderError(Kind.CONTACT, "unknown list")
    product.paris.lists.clear()
    (event_id,) = product.store(product.signup("a@example.com"))
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "pending"
    assert "4781" in product.container.accounts.read("paris").lists


@pytest.mark.parametrize("kind", [Kind.LATER, Kind.ACCOUNT, Kind.UNKNOWN])
def test_an_account_error_pauses_the_account_until_a_probe_succeeds(product: Product, kind: Kind) -> None:
    product.paris.rule = lambda *_: ProviderError(kind, "out of order")
    first, second = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    product.work(first)
    product.work(second)
    assert product.paris.calls_of("sign_up") == 1
    view = product.delivery(second)
    assert (view["status"], view["attempts"], view["reason"]) == ("pending", 0, "out of order")
    assert view["next_attempt_at"] == "2026-03-01T09:30:30Z"
    product.paris.rule = None
    product.clock.forward(seconds=31)
    product.work(second)
    product.work(first)
    assert [product.delivery(one)["status"] for one in (first, second)] == ["delivered", "delivered"]
    assert product.delivery(first)["attempts"] == 2
    assert product.delivery(first)["unknown_outcome"] is (kind is Kind.UNKNOWN)
    assert product.delivery(second)["unknown_outcome"] is False


def test_backoff_doubles_and_retry_after_is_respected(product: Product) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    waits = []
    for retry_after in (None, None, None, 300.0):
        product.paris.rule = lambda *_, after=retry_after: ProviderError(Kind.LATER, "busy", retry_after=after)
        product.work(event_id)
        pause = product.container.accounts.read("paris").pause
        assert pause is not None
        waits.append((pause.until - pause.since) / 1000 - sum(waits))
        product.clock.forward(seconds=waits[-1])
    assert waits == [30, 60, 120, 300]


def test_a_signup_is_parked_after_the_give_up_time_and_an_unsubscribe_is_not(product: Product) -> None:
    product.settings = settings(delivery=RetryPolicy(give_up_after_hours=1))
    product.restart()
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    signup, leave = product.store(product.signup("a@example.com"), product.unsubscribe("b@example.com"))
    product.work(signup, leave)
    product.clock.forward(hours=1.1)
    product.work(signup)
    product.clock.forward(hours=1.1)
    product.work(leave)
    assert product.delivery(signup)["status"] == "parked"
    assert product.delivery(signup)["reason"] == "down"
    assert product.delivery(leave)["status"] == "pending"


def test_a_paused_account_does_not_delay_another(product: Product) -> None:
    product.providers["lyon"].rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    mine, other = product.store(
        product.signup("a@example.com"), product.signup("a@example.com", accounts=("lyon",), list="1")
    )
    product.work(mine, other)
    assert product.delivery(mine)["status"] == "delivered"
    assert product.delivery(other, "lyon")["status"] == "pending"


def test_a_worker_that_died_leaves_an_unknown_outcome(product: Product) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    product.paris.after = die
    (event_id,) = product.store(product.signup("a@example.com"))
    with pytest.raises(Died):
        product.work(event_id)
    product.paris.after = None
    product.restart()
    product.work(event_id)
    assert product.paris.emails == ["a@example.com"], "the address is still leased"
    product.clock.forward(seconds=200)
    product.work(event_id)
    assert product.paris.emails == ["a@example.com", "a@example.com"]
    assert product.delivery(event_id)["unknown_outcome"] is True
    assert product.delivery(event_id)["status"] == "delivered"


def test_taking_over_an_expired_lease_marks_the_interrupted_event(product: Product) -> None:
    product.paris.after = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    lost, later = product.store(product.signup("a@example.com"), product.signup("a@example.com"))
    with pytest.raises(KeyboardInterrupt):
        product.work(lost)
    product.paris.after = None
    product.restart()
    product.clock.forward(seconds=200)
    product.work(later)
    assert product.delivery(later)["unknown_outcome"] is False
    product.work(lost)
    assert product.delivery(lost)["unknown_outcome"] is True
