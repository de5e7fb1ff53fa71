"""Attempts of unknown outcome: how many a signup may use up, and how an account is probed after one (field case 22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.observability import metrics
from chalicelib.providers.spec import Capabilities
from tests.support.product import FakeContext, Product, settings

pytestmark = pytest.mark.no_cover
LOST = ProviderError(Kind.UNKNOWN, "list_insert: the connection broke before a whole answer came")


def broken(verbs: Sequence[str] = ("sign_up",)) -> object:
    return lambda verb, _: LOST if verb in verbs else None


def work_for(product: Product, ids: Sequence[str], hours: float) -> None:
    """Work whenever the account may be called again; a few times more once nothing is pending."""
    end = product.clock() + timedelta(hours=hours)
    while product.clock() < end:
        product.work(*ids)
        if all(product.delivery(event_id)["status"] != "pending" for event_id in ids):
            product.clock.forward(hours=hours / 4)
            continue
        pause = product.container.accounts.read("paris").pause
        now = epoch_milliseconds(product.clock())
        product.clock.forward(seconds=max(60, (pause.until - now) / 1000 if pause else 1800))


@pytest.mark.parametrize("allowed", [3, 1, 5])
def test_field_case_22_a_signup_whose_every_answer_breaks_off_is_parked(product: Product, allowed: int) -> None:
    product.settings = settings(delivery=RetryPolicy(unknown_attempts=allowed))
    product.restart()
    product.paris.after = broken()
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 24)
    view = product.delivery(event_id)
    assert product.paris.emails == ["a@example.com"] * allowed
    assert (view["status"], view["attempts"], view["unknown_outcome"]) == ("parked", allowed, True)
    assert f"unknown after {allowed} attempt" in view["reason"]
    assert "the connection broke" in view["reason"]


def test_three_attempts_are_the_default(product: Product) -> None:
    product.paris.after = broken()
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 24)
    assert len(product.paris.emails) == 3


@pytest.mark.seconds
def test_resend_gives_a_parked_signup_as_many_attempts_again(product: Product) -> None:
    product.paris.after = broken()
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 24)
    assert product.container.resend({"id": event_id}, FakeContext())["resent"] == 1
    work_for(product, [event_id], 24)
    assert (len(product.paris.emails), product.delivery(event_id)["status"]) == (6, "parked")
    product.paris.after = None
    product.container.resend({"id": event_id}, FakeContext())
    work_for(product, [event_id], 2)
    view = product.delivery(event_id)
    assert (len(product.paris.emails), view["status"], view["unknown_outcome"]) == (7, "delivered", True)


@pytest.mark.seconds
def test_an_unsubscribe_is_never_parked_for_unknown_outcomes(product: Product) -> None:
    product.paris.after = broken(("unsubscribe",))
    (event_id,) = product.store(product.unsubscribe("a@example.com"))
    work_for(product, [event_id], 8)
    assert product.delivery(event_id)["status"] == "pending"
    assert len(product.paris.unsubscribed_emails) > 3
    product.paris.after = None
    work_for(product, [event_id], 2)
    assert product.delivery(event_id)["status"] == "delivered"


@pytest.mark.seconds
def test_a_signup_where_a_repeat_is_harmless_is_not_parked(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    upserts(product, monkeypatch)
    product.paris.after = broken()
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 8)
    assert product.delivery(event_id)["status"] == "pending"
    assert len(product.paris.emails) > 3
    assert product.paris.calls_of("probe") == 0, "the next attempt is the probe"


def upserts(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the provider of every account declare that repeating a signup is harmless."""
    known = product.container.capabilities

    def harmless(account: str) -> Capabilities | None:
        found = known(account)
        return found and replace(found, signup_repeat_is_harmless=True)

    monkeypatch.setitem(product.container.__dict__, "capabilities", harmless)


def test_a_worker_that_died_thrice_leaves_a_parked_signup(product: Product) -> None:
    """Each death is an attempt of unknown outcome; the fourth worker makes no call."""
    (event_id,) = product.store(product.signup("a@example.com"))
    product.paris.after = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            product.work(event_id)
        product.restart()
        product.clock.forward(seconds=200)
    product.paris.after = None
    product.work(event_id)
    view = product.delivery(event_id)
    assert (len(product.paris.emails), view["status"], view["unknown_outcome"]) == (3, "parked", True)
    assert "unknown after 3 attempts" in view["reason"]
    product.container.resend({"id": event_id}, FakeContext())
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "delivered"


@pytest.mark.seconds
def test_refusals_of_a_batch_use_no_attempts_up(product: Product) -> None:
    """They mark the rows as possibly stored, but each is an answer: bisection takes more than three of them."""
    product.settings = settings(delivery=RetryPolicy(unknown_attempts=1))
    product.restart()
    product.paris.rule = lambda _, emails: ProviderError(Kind.CONTACT, "no") if "p0@example.com" in emails else None
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(64)))
    product.work(*ids)
    assert {product.delivery(event_id)["status"] for event_id in ids[1:]} == {"delivered"}


@pytest.mark.seconds
def test_a_suppression_that_could_not_be_lifted_for_certain_uses_no_attempt_up(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lifting again is harmless; no row was sent."""
    known = product.container.capabilities
    lifts = lambda account: replace(known(account), lifts_suppression=True)  # noqa: E731
    monkeypatch.setitem(product.container.__dict__, "capabilities", lifts)
    (left,) = product.store(product.unsubscribe("a@example.com"))
    product.work(left)
    product.clock.forward(seconds=60)
    product.paris.after = broken(("lift",))
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 12)
    assert (product.delivery(event_id)["status"], product.paris.emails) == ("pending", [])
    assert len(product.paris.lifts) > 3


@pytest.mark.seconds
@pytest.mark.parametrize("during", [Kind.LATER, Kind.ACCOUNT, Kind.UNKNOWN])
def test_an_hour_of_502_parks_nobody(product: Product, during: Kind) -> None:
    """After the first unknown outcome the account is probed by a call that changes nothing."""
    product.paris.rule = lambda verb, _: LOST if verb == "sign_up" else ProviderError(during, "HTTP 502")
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(5)))
    work_for(product, ids, 1)
    assert product.paris.calls_of("sign_up") == 1
    assert product.paris.calls_of("probe") >= 4, "the account is probed as often as it would be called"
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"pending"}
    assert {product.delivery(event_id)["attempts"] for event_id in ids} == {1}
    product.paris.rule = None
    work_for(product, ids, 2)
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"delivered"}
    assert len(product.paris.emails) == 5
    assert product.container.accounts.read("paris").pause is None


@pytest.mark.seconds
def test_the_pause_doubles_while_the_probe_fails_and_while_only_the_insert_does(product: Product) -> None:
    for rule in (broken(("sign_up", "probe")), broken()):
        product.paris.rule = rule  # type: ignore[assignment]
        (event_id,) = product.store(product.signup("a@example.com"))
        failures = []
        for _ in range(3):
            product.work(event_id)
            pause = product.container.accounts.read("paris").pause
            assert pause is not None
            failures.append(pause.failures)
            product.clock.forward(seconds=(pause.until - int(product.clock().timestamp() * 1000)) / 1000)
        assert failures == [1, 2, 3]
        product.paris.rule = None
        work_for(product, [event_id], 2)


@pytest.mark.seconds
def test_an_account_paused_for_another_reason_is_not_probed(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "busy")
    (event_id,) = product.store(product.signup("a@example.com"))
    work_for(product, [event_id], 1)
    assert product.paris.calls_of("probe") == 0
    assert product.delivery(event_id)["attempts"] > 3


def test_a_probe_that_is_refused_is_an_answer(product: Product) -> None:
    """An account that may not make the call of the probe would otherwise never be tried again."""
    product.paris.rule = lambda verb, _: LOST if verb == "sign_up" else ProviderError(Kind.CALLER, "not allowed")
    (event_id,) = product.store(product.signup("a@example.com"))
    product.work(event_id)
    product.paris.rule = lambda verb, _: ProviderError(Kind.CALLER, "not allowed") if verb == "probe" else None
    product.clock.forward(seconds=31)
    product.work(event_id)
    assert product.delivery(event_id)["status"] == "delivered"


def test_an_unsubscribe_waits_for_the_probe_too(product: Product) -> None:
    product.paris.rule = broken(("unsubscribe", "probe"))  # type: ignore[assignment]
    (event_id,) = product.store(product.unsubscribe("a@example.com"))
    work_for(product, [event_id], 1)
    assert product.paris.calls_of("unsubscribe") == 1
    product.paris.rule = None
    work_for(product, [event_id], 2)
    assert product.delivery(event_id)["status"] == "delivered"


def test_calls_of_unknown_outcome_are_counted_by_account(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    product.paris.after = broken()
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(5)))
    metrics.flush()
    capsys.readouterr()
    product.work(*ids)
    metrics.flush()
    lines = [line for line in capsys.readouterr().out.splitlines() if "unknown_outcomes" in line]
    assert len(lines) == 1 and '"account":"paris"' in lines[0] and '"unknown_outcomes":1' in lines[0]
