"""Confirmation mails under attack and failures: spellings of one mailbox, outages, unknown outcomes."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.ledger.confirmations import ConfirmationStore
from chalicelib.observability import metrics
from tests.confirmation.conftest import ZOE, Visitor, failing
from tests.support.product import FakeContext, Product


@pytest.mark.parametrize("other", ["v.ic.tim@gmail.com", "Victim@googlemail.com", "v.ictim+x@gmail.com"])
def test_every_spelling_of_a_mailbox_at_gmail_is_one(product: Product, visitor: Visitor, other: str) -> None:
    ids = [visitor.sign_up("victim@gmail.com", f"form{number}") for number in range(2)]
    product.work(*ids, visitor.sign_up(other))
    assert len(visitor.lettre.mails) == 2


@pytest.mark.parametrize("other", ["\uff42oss@example.com", "bo\u017fs\uff0bx@example.com"])
def test_letters_of_another_shape_are_no_other_mailbox(product: Product, visitor: Visitor, other: str) -> None:
    ids = [visitor.sign_up("boss@example.com", f"form{number}") for number in range(2)]
    product.work(*ids, visitor.sign_up(other))
    assert len(visitor.lettre.mails) == 2


def test_elsewhere_full_stops_make_another_mailbox(product: Product, visitor: Visitor) -> None:
    product.work(*(visitor.sign_up(f"{name}@example.com") for name in ("ann.e", "anne", "a.nne")))
    assert len(visitor.lettre.mails) == 3


@pytest.mark.parametrize("forgotten", [ZOE, "zoe+news@example.com"])
def test_a_tag_does_not_hide_that_its_person_asked_to_be_forgotten(
    product: Product, visitor: Visitor, forgotten: str
) -> None:
    product.container.forget({"email": forgotten}, FakeContext())
    for address in (ZOE, "zoe+1@example.com", "zoe+2@example.com"):
        product.clock.forward(hours=1, minutes=1)
        product.work(visitor.sign_up(address))
    assert len(visitor.lettre.mails) == 1


def test_a_sender_that_is_down_uses_nothing_of_the_mailbox_s_mails(product: Product, visitor: Visitor) -> None:
    product.clock.forward(microseconds=123_456)  # a real clock does not stop at whole milliseconds
    visitor.lettre.rule = failing(Kind.LATER)
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    for _ in range(6):
        product.clock.forward(minutes=9)
        visitor.sweep()
    assert visitor.lettre.calls_of("mail") > 2
    visitor.lettre.rule = None
    product.clock.forward(hours=1)
    visitor.sweep()
    assert (len(visitor.lettre.mails), visitor.confirmation(signup)["status"]) == (1, "sent")


def test_a_mail_that_may_have_arrived_can_be_confirmed_although_the_mailbox_gets_no_second(
    product: Product, visitor: Visitor
) -> None:
    signup = visitor.sign_up(ZOE)
    visitor.lettre.after = failing(Kind.UNKNOWN)
    product.work(signup)
    visitor.lettre.after = None
    product.clock.forward(minutes=1)
    product.work(*(visitor.sign_up(ZOE, f"form{number}") for number in range(3)))
    product.clock.forward(minutes=3)
    visitor.sweep()
    assert (len(visitor.lettre.mails), visitor.confirmation(signup)["status"]) == (2, "sent")
    assert visitor.open(visitor.link(0), "POST").status == 200
    product.work(signup)
    assert product.paris.emails == [ZOE]


def test_who_confirms_by_the_first_mail_is_not_refused_with_the_second(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    visitor.lettre.after = failing(Kind.UNKNOWN)
    product.work(signup)

    def confirmed_meanwhile(verb: str, emails: Sequence[str]) -> ProviderError | None:
        if verb != "mail":
            return None
        assert visitor.open(visitor.link(0), "POST").status == 200
        return ProviderError(Kind.CONTACT, "is on the opt-out list")

    visitor.lettre.after, visitor.lettre.rule = None, confirmed_meanwhile
    product.clock.forward(hours=1)
    visitor.sweep()
    assert visitor.confirmation(signup)["status"] == "confirmed"
    visitor.lettre.rule = None
    product.work(signup)
    assert product.delivery(signup)["status"] == "delivered"


def test_how_long_mails_wait_for_their_sender_is_measured(
    product: Product, visitor: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured() -> float:
        metrics.flush()
        capsys.readouterr()
        product.container.sweeper.run()
        metrics.flush()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        [found] = [line["paused_seconds"] for line in lines if line.get("account") == "lettre" and "stage" in line]
        return max(found) if isinstance(found, list) else float(found)

    visitor.lettre.rule = failing(Kind.LATER)
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(hours=2)
    assert measured() == 7200
    product.clock.forward(hours=70)
    visitor.sweep()
    assert measured() == 0, "it has ended, and no other mail waits"


def test_a_ledger_that_fails_before_a_mail_uses_none_of_its_two(
    product: Product, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise LedgerUnavailable("throttled")

    signup = visitor.sign_up(ZOE)
    with monkeypatch.context() as broken:
        broken.setattr(ConfirmationStore, "mails_to", fail)
        product.work(signup)
        for _ in range(3):
            product.clock.forward(minutes=5)
            visitor.sweep()
    product.clock.forward(minutes=5)
    visitor.sweep()
    assert len(visitor.lettre.mails) == 1


def test_a_client_of_mails_that_fails_unexpectedly_stops_nobody_else(product: Product, visitor: Visitor) -> None:
    def fail(verb: str, emails: Sequence[str]) -> None:
        if verb == "mail":
            raise ValueError(f"no such mailbox: {emails}")

    visitor.lettre.rule = fail
    other = product.signup("other@example.com")
    product.work(visitor.sign_up(ZOE), *product.store(other))
    assert product.delivery(other.id)["status"] == "delivered"


@pytest.mark.seconds
def test_a_refused_mail_is_none_that_the_mailbox_got(product: Product, visitor: Visitor) -> None:
    """An operator who repairs the sender by trial and error must not lose the signups that are sent again."""
    visitor.lettre.rule = failing(Kind.CONTACT, "the sender is not valid")
    signup = visitor.sign_up(ZOE)
    for _ in range(4):
        product.work(signup)
        assert product.container.resend({"status": "refused"}, FakeContext()) == {"resent": 1}
    visitor.lettre.rule = None
    product.work(signup)
    assert (len(visitor.lettre.mails), visitor.confirmation(signup)["status"]) == (1, "sent")


def test_a_slow_sender_of_mails_delays_no_delivery(product: Product, visitor: Visitor) -> None:
    other, delivered = product.signup("other@example.com"), threading.Event()

    def slow(verb: str, emails: Sequence[str]) -> None:
        if verb == "mail":
            assert delivered.wait(5), "the delivery waits for the mail"

    def deliver(verb: str, emails: Sequence[str]) -> None:
        delivered.set()

    visitor.lettre.rule, product.paris.rule = slow, deliver
    product.work(visitor.sign_up(ZOE), *product.store(other))
    assert (product.paris.emails, len(visitor.lettre.mails)) == (["other@example.com"], 1)


@pytest.mark.seconds
@pytest.mark.parametrize("sender", ["lettre", "ses"])
def test_a_resumed_sender_sends_at_once_what_waits(product: Product, visitor: Visitor, sender: str) -> None:
    forms = {name: replace(form, confirm=sender) for name, form in product.settings.forms.items()}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    product.container.__dict__["_ses"] = visitor.lettre
    visitor.lettre.rule = failing(Kind.ACCOUNT, "the sender is not verified")
    ids = [visitor.sign_up(f"a{number}@example.com") for number in range(3)]
    product.work(*ids)
    visitor.lettre.rule = None
    visitor.sweep()
    assert visitor.lettre.mails == [], "it is paused"
    paused = product.container.report(FakeContext())["accounts"][sender]["paused"]
    assert paused["reason"] == "the sender is not verified"
    assert product.container.resume({"account": sender}, FakeContext()) == {"resumed": True, "enqueued": 3}
    product.work(*ids)
    assert len(visitor.lettre.mails) == 3
    assert product.container.resume({"account": sender}, FakeContext()) == {"resumed": False, "enqueued": 0}
