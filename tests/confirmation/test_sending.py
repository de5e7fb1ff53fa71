"""Confirmation mails: limits for a mailbox, failing senders, and signups that get no mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.observability import metrics
from tests.confirmation.conftest import ZOE, Visitor, failing, with_confirmation
from tests.support.product import FakeContext, Product

# --- limits ---


@pytest.mark.seconds
def test_a_victim_gets_two_mails_whatever_the_number_of_forms(product: Product, visitor: Visitor) -> None:
    tags = ["" if number % 3 == 0 else f"+{number}" for number in range(60)]
    ids = [visitor.sign_up(f"victim{tag}@example.com", f"form{number % 10}") for number, tag in enumerate(tags)]
    product.work(*dict.fromkeys(ids))
    assert len(visitor.lettre.mails) == 2
    ended = [signup for signup in dict.fromkeys(ids) if product.delivery(signup)["status"] == "refused"]
    assert len(ended) == len(dict.fromkeys(ids)) - 2
    [stored] = product.container.events.load(ended[:1])
    assert stored.event.email == "" and product.delivery(ended[0])["reason"] == "unconfirmed"
    assert visitor.confirmation(ended[0])["status"] == "failed"


@pytest.mark.seconds
def test_five_mails_a_day_and_one_in_thirty_days_after_a_forget(product: Product, visitor: Visitor) -> None:
    for _ in range(10):
        product.work(visitor.sign_up(ZOE))
        product.clock.forward(minutes=61)
    assert len(visitor.lettre.mails) == 5
    product.clock.forward(days=2)
    product.container.forget({"email": ZOE}, FakeContext())
    product.clock.forward(days=31)
    for _ in range(3):
        product.work(visitor.sign_up(ZOE))
        product.clock.forward(days=9)
    assert len(visitor.lettre.mails) == 6


# --- failing senders ---


@pytest.mark.seconds
@pytest.mark.parametrize("kind", [Kind.LATER, Kind.ACCOUNT])
def test_a_sender_that_is_down_for_a_day_costs_no_mail(product: Product, visitor: Visitor, kind: Kind) -> None:
    visitor.lettre.rule = failing(kind)
    ids = [visitor.sign_up(f"p{number}@example.com") for number in range(20)]
    product.work(*ids)
    for _ in range(24):
        product.clock.forward(hours=1)
        visitor.sweep()
    assert visitor.lettre.mails == [] and visitor.lettre.calls_of("mail") < 40, "it is paused, and probed by one"
    visitor.lettre.rule = None
    for _ in range(3):
        product.clock.forward(hours=1)
        visitor.sweep()
    assert sorted(mail.to for mail in visitor.lettre.mails) == sorted(f"p{number}@example.com" for number in range(20))
    assert {visitor.confirmation(signup)["status"] for signup in ids} == {"sent"}


def test_of_unknown_outcomes_there_are_two_mails_at_most(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    visitor.lettre.after = failing(Kind.UNKNOWN)
    product.work(signup)
    for _ in range(10):
        product.clock.forward(hours=1)
        visitor.sweep()
    assert len(visitor.lettre.mails) == 2
    assert visitor.confirmation(signup)["status"] == "sent", "it may have arrived: the person can confirm"
    visitor.lettre.after = None
    assert visitor.open(visitor.link(0), "POST").status == 200
    product.work(signup)
    assert product.paris.emails == [ZOE]


def test_a_worker_that_dies_after_the_call_is_an_unknown_outcome(product: Product, visitor: Visitor) -> None:
    class Died(BaseException):
        pass

    def die(verb: str, emails: Sequence[str]) -> None:
        if verb == "mail":
            raise Died

    signup = visitor.sign_up(ZOE)
    visitor.lettre.after = die
    for _ in range(4):
        try:
            product.work(signup)
        except Died:
            product.restart()
        product.clock.forward(hours=1)
    assert len(visitor.lettre.mails) == 2
    visitor.lettre.after = None
    product.work(signup)
    assert visitor.confirmation(signup)["status"] == "sent"


def test_a_mail_that_is_refused_is_told_to_the_operator(
    product: Product, visitor: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor.lettre.rule = failing(Kind.CONTACT, "zoe@example.com is on the opt-out list")
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    delivery = product.delivery(signup)
    assert (delivery["status"], delivery["reason"]) == ("refused", "confirmation mail: …@… is on the opt-out list")
    metrics.flush()
    assert '"unexpected_refusals":1' in capsys.readouterr().out, "so that a sender that refuses all raises the alarm"
    product.clock.forward(days=4)
    assert visitor.confirmation(signup)["status"] == "failed", "nobody was asked, so nobody was too late"
    visitor.lettre.rule = None
    assert product.container.resend({"status": "refused"}, FakeContext()) == {"resent": 1}
    assert visitor.confirmation(signup)["status"] == "waiting"
    product.work(signup)
    assert (len(visitor.lettre.mails), product.paris.emails) == (1, []), "what is sent again is the mail"


def test_nothing_sends_an_unconfirmed_signup_to_a_list(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    with_confirmation(product).settings.forms["footer"]
    object.__setattr__(product.settings.forms["footer"], "confirm", None)
    product.restart()
    for _ in range(5):
        product.clock.forward(hours=1)
        product.work(signup)
        visitor.sweep()
    assert product.paris.emails == []


def test_a_trap_gets_no_mail(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE, website="x")
    product.work(signup)
    assert visitor.lettre.mails == []
    assert product.delivery(signup)["reason"] == "trap"


def test_without_an_address_key_everybody_gets_at_most_the_mail_of_somebody_who_was_forgotten(
    product: Product, visitor: Visitor
) -> None:
    """Forget requests under the missing key cannot be found. A confirmed signup waits for the key, too."""
    product.work(*product.store(product.unsubscribe("left@example.com")), queue="unsubscribes")
    first, second = visitor.sign_up("zoe@example.com"), visitor.sign_up("zoe@example.com", form="form1")
    rotated = product.settings
    product.settings = replace(rotated, privacy=Privacy((Secret.plain("placeholder-address-key-2"),)))
    product.restart()
    product.work(first, second)
    assert len(visitor.lettre.mails) == 1
    assert visitor.confirmation(second)["status"] == "waiting"
    assert visitor.open(visitor.link(), "POST").status == 200
    product.work(first)
    assert product.delivery(first)["reason_code"] == "address_key_missing"
    product.settings = rotated
    product.restart()
    product.clock.forward(hours=1)
    product.work(first, second)
    assert product.delivery(first)["status"] == "delivered"
    assert len(visitor.lettre.mails) == 2


def test_while_its_account_is_paused_it_still_waits_for_its_person(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.paris.rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "key refused")
    product.work(*product.store(product.signup("other@example.com")))
    assert product.delivery(signup)["reason"] == "unconfirmed"


def test_a_signup_that_was_quarantined_has_its_whole_time_from_its_release(product: Product, visitor: Visitor) -> None:
    forms = {name: replace(form, signups_per_hour=0) for name, form in product.settings.forms.items()}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    assert (visitor.lettre.mails, product.delivery(signup)["reason"]) == ([], "quarantined")
    product.clock.forward(days=10)
    assert visitor.confirmation(signup)["status"] == "waiting"
    assert product.container.resend({"status": "quarantined"}, FakeContext()) == {"resent": 1}
    product.work(signup)
    assert visitor.confirmation(signup)["status"] == "sent"
    product.clock.forward(hours=71)
    assert visitor.open(visitor.link(), "POST").status == 200
    product.work(signup)
    assert product.paris.emails == [ZOE]
