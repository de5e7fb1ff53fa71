"""Double opt-in: the mail, its link and its button; what happens until the click; the click as evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.times import epoch_milliseconds, format_time
from chalicelib.ledger.oldest_pending import Waiting
from chalicelib.providers.account import Account
from tests.confirmation.conftest import ZOE, Visitor, failing
from tests.support.aws import TestAws
from tests.support.product import START, FakeContext, Product


@pytest.mark.seconds
def test_a_signup_reaches_the_list_once_its_person_has_confirmed_it(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE, prenom="Zoé")
    assert product.delivery(signup)["reason"] == "unconfirmed"
    assert visitor.confirmation(signup) == {"status": "waiting", "attempts": 0, "sent_at": None, "confirmed_at": None}
    product.work(signup)
    [mail] = visitor.lettre.mails
    assert mail.to == ZOE and "Zoé" not in mail.text + mail.html
    assert visitor.confirmation(signup)["status"] == "sent"
    product.clock.forward(hours=2)
    shown = visitor.open(visitor.link())
    assert shown.status == 200 and "I confirm" in shown.body and "z•••@example.com" in shown.body
    product.work(signup)
    assert (product.paris.emails, product.delivery(signup)["status"]) == ([], "pending"), "opening changes nothing"
    assert "Your signup is confirmed" in visitor.open(visitor.link(), "POST").body
    product.work(signup)
    assert product.paris.rows == [("4781", ZOE, {"prenom": "Zoé"})]
    assert visitor.confirmation(signup) == {
        "status": "confirmed",
        "attempts": 1,
        "sent_at": format_time(START),
        "confirmed_at": format_time(product.clock()),
    }
    assert product.view(signup)["occurred_at"] == format_time(product.clock())
    assert len(visitor.lettre.mails) == 1


def test_confirmed_twice_is_once(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    for _ in range(2):
        assert visitor.open(visitor.link(), "POST").status == 200
        product.work(signup)
    assert product.paris.emails == [ZOE]
    assert "Your signup is confirmed" in visitor.open(visitor.link()).body
    first = visitor.confirmation(signup)["confirmed_at"]
    product.clock.forward(hours=1)
    visitor.open(visitor.link(), "POST")
    assert visitor.confirmation(signup)["confirmed_at"] == first


def test_a_click_on_what_is_delivered_wakes_no_worker(product: Product, visitor: Visitor, resources: TestAws) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    for _ in range(2):  # a notification may be lost
        visitor.open(visitor.link(), "POST")
    waiting = resources.waiting("relais-local-signups")
    assert waiting == 3
    product.work(signup)
    visitor.open(visitor.link(), "POST")
    assert resources.waiting("relais-local-signups") == waiting
    assert product.paris.emails == [ZOE]


def test_a_link_confirms_its_own_signup_with_its_fields_alone(product: Product, visitor: Visitor) -> None:
    ids = [visitor.sign_up(ZOE, prenom=name) for name in ("Mallory", "Zoé")]
    product.work(*ids)
    assert len(visitor.lettre.mails) == 2
    own = next(place for place in range(2) if visitor.link(place) and _confirms(visitor, place, ids[1]))
    product.work(*ids)
    assert product.paris.rows == [("4781", ZOE, {"prenom": "Zoé"})], own


def _confirms(visitor: Visitor, place: int, signup: str) -> bool:
    links = visitor.product.container.confirmation_links
    if links.event_id(visitor.link(place).rpartition("/")[2]) != signup:
        return False
    return visitor.open(visitor.link(place), "POST").status == 200


def test_after_its_time_it_ends_and_is_erased(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE, prenom="Zoé")
    product.work(signup)
    product.clock.forward(hours=72)
    for method in ("GET", "POST"):
        answer = visitor.open(visitor.link(), method)
        assert (answer.status, "This link is no longer valid" in answer.body) == (410, True)
        assert '<a class="button" href="/api/forms/footer">Sign up again</a>' in answer.body
    visitor.sweep()
    delivery = product.delivery(signup)
    assert (delivery["status"], delivery["reason"], delivery["reason_code"]) == (
        "refused",
        "unconfirmed",
        "unconfirmed",
    )
    [stored] = product.container.events.load([signup])
    assert (stored.event.email, stored.event.fields, stored.event.consent) == ("", {}, None)
    assert visitor.confirmation(signup)["status"] == "expired"
    assert visitor.open(visitor.link(), "POST").status == 410
    del product.settings.forms["footer"]
    assert "Sign up again" not in visitor.open(visitor.link()).body, "a form that is gone has no page"
    product.work(signup)
    assert product.paris.emails == []


def test_no_copy_of_its_data_is_left(
    product: Product, visitor: Visitor, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the ledger, on queues and in the log, whether the mail was sent, failed or was never tried."""
    sent, failed, untried = (visitor.sign_up(ZOE, form, prenom="Zoéprenom") for form in ("footer", "form1", "form2"))
    product.work(sent)
    visitor.open(visitor.link())
    visitor.lettre.rule = failing(Kind.LATER, f"{ZOE} is not taken now")
    product.work(failed)
    url = resources.queue_url("relais-local-signups")
    messages = resources.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    product.clock.forward(hours=72)
    visitor.sweep()
    assert {product.delivery(each)["reason"] for each in (sent, failed, untried)} == {"unconfirmed"}
    items = resources.dynamodb.scan(TableName="relais-local-ledger", ConsistentRead=True)["Items"]
    left = json.dumps([items, messages], ensure_ascii=False) + capsys.readouterr().out
    assert [text for text in ("zoe@", "Zoéprenom", "203.0.113.9") if text in left] == []
    assert len(messages) == 3 and "signup ended unconfirmed" in left


@pytest.mark.parametrize("clicked", [True, False])
def test_a_limit_that_was_lowered_meanwhile_holds_up_nothing_that_got_its_mail(
    product: Product, visitor: Visitor, resources: TestAws, clicked: bool
) -> None:
    """The count of a form's hour expires before the time in which people may confirm."""
    ids = [visitor.sign_up(f"a{number}@example.com") for number in range(2)]
    product.work(*ids)
    forms = {name: replace(form, signups_per_hour=0) for name, form in product.settings.forms.items()}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    for item in resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]:
        if item["pk"]["S"].startswith("S#form#"):
            resources.dynamodb.delete_item(TableName="relais-local-ledger", Key={"pk": item["pk"], "sk": item["sk"]})
    product.clock.forward(hours=71)
    for place in range(2 * clicked):
        visitor.open(visitor.link(place), "POST")
    product.clock.forward(hours=1)
    product.work(*ids)
    reasons = [product.delivery(each)["reason"] for each in ids]
    assert (reasons, len(product.paris.emails)) == ([None] * 2 if clicked else ["unconfirmed"] * 2, 2 * clicked)
    assert [one.event.email for one in product.container.events.load(ids)].count("") == 2 * (not clicked)


def test_it_is_due_at_the_end_of_its_time_whatever_pauses_its_account(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.paris.rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "key refused")
    other = product.signup("other@example.com")
    product.work(*product.store(other))
    product.clock.forward(hours=71, minutes=59)
    assert product.container.events.due_unconfirmed(product.clock(), 10) == []
    product.clock.forward(minutes=1)
    assert product.container.events.due_unconfirmed(product.clock(), 10) == [signup]


def test_forged_links_and_those_of_another_purpose_are_unknown(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    other = product.container.links.url(ZOE).rpartition("/")[2]
    for token in ("x", visitor.link().rpartition("/")[2][:-2] + "AA", other):
        for method in ("GET", "POST"):
            assert visitor.open(f"/confirm/{token}", method).status == 404
    assert visitor.open(visitor.link().replace("/confirm/", "/unsubscribe/"), "POST").status == 404
    assert product.delivery(signup)["status"] == "pending"


def test_no_page_of_a_link_can_be_framed_or_tells_its_address(product: Product, visitor: Visitor) -> None:
    product.work(visitor.sign_up(ZOE))
    link, unknown = visitor.link(), "/confirm/x"
    for path, method in ((link, "GET"), (link, "POST"), (link, "POST"), (unknown, "POST"), (link, "PUT")):
        headers = visitor.open(f"{path}?embed=1", method, Referer="https://www.example.org/").headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], (path, method)
        assert (headers["referrer-policy"], headers["x-robots-tag"]) == ("no-referrer", "noindex")


def test_what_a_mail_program_appended_is_cut_off(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    for appended in (".", ")", ">", "%20", "&utm_source=x", "/"):
        assert visitor.open(visitor.link() + appended).status == 200, appended
    assert visitor.open(visitor.link(), "DELETE").status == 405


# --- order ---


def test_confirmed_after_an_unsubscribe_the_person_is_back(product: Product, visitor: Visitor) -> None:
    """The time of the click counts; this provider cannot lift a suppression, and the page says so."""
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(minutes=5)
    product.work(*product.store(product.unsubscribe(ZOE)), queue="unsubscribes")
    product.clock.forward(minutes=5)
    page = visitor.open(visitor.link(), "POST")
    for shown in (page, visitor.open(visitor.link())):  # also when it is opened again
        assert "Please contact the owner of the website" in shown.body
    product.work(signup)
    assert product.delivery(signup)["reason"] == "suppressed", "this provider cannot lift, and the page says so"


def test_where_the_provider_can_a_click_brings_back_and_a_form_alone_does_not(
    product: Product, visitor: Visitor
) -> None:
    accounts = {**product.settings.accounts, "paris": Account("paris", "mymailmarket")}
    product.settings = replace(product.settings, accounts=accounts)
    product.restart()
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(minutes=5)
    product.work(*product.store(product.unsubscribe(ZOE)), queue="unsubscribes")
    product.work(signup)
    assert (product.paris.lifts, product.paris.emails) == ([], [])
    product.clock.forward(minutes=5)
    page = visitor.open(visitor.link(), "POST")
    assert "Your signup is confirmed" in page.body and "Please contact" not in page.body
    product.work(signup)
    assert ([lift[0] for lift in product.paris.lifts], product.paris.emails) == ([ZOE], [ZOE])


def test_an_unsubscribe_after_the_click_wins(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    visitor.open(visitor.link(), "POST")
    product.clock.forward(minutes=5)
    product.work(*product.store(product.unsubscribe(ZOE)), queue="unsubscribes")
    product.work(signup)
    assert product.delivery(signup)["status"] == "superseded"
    assert product.paris.emails == []


def test_forget_in_between_ends_it(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE, prenom="Zoé")
    product.work(signup)
    product.clock.forward(minutes=5)
    product.container.forget({"email": ZOE}, FakeContext())
    [stored] = product.container.events.load([signup])
    assert stored.event.email == "" and not stored.event.fields
    assert visitor.open(visitor.link(), "POST").status == 410
    product.work(signup)
    assert product.paris.emails == []


# --- evidence ---


def test_the_click_is_kept_as_evidence(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(minutes=5)
    visitor.open(visitor.link(), "POST")
    [stored] = product.container.events.load([signup])
    consent = stored.event.consent
    assert consent is not None and stored.event.may_lift_suppression
    assert (consent.confirmed_at, consent.confirmed_ip) == (product.clock(), "203.0.113.9")
    words = visitor.lettre.mails[0]
    assert consent.mail_sha256 and len(consent.mail_sha256) == 64 and words.text
    assert consent.page_sha256 != consent.mail_sha256
    assert sha256(b"").hexdigest() not in (consent.mail_sha256, consent.page_sha256)
    product.work(signup)
    [state] = product.container.subscriptions.of(ZOE)["paris"]
    kept = state.lease.consents[signup] if state.lease else state.latest_consent
    assert kept is not None and kept.confirmed_ip == "203.0.113.9"


def test_what_a_person_confirms_late_is_given_up_no_sooner(product: Product, visitor: Visitor) -> None:
    """Nothing could be delivered before the click, so `give_up_after_hours` counts from it."""
    product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "out of order")
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(hours=71)
    assert visitor.open(visitor.link(), "POST").status == 200
    for _ in range(2):
        product.clock.forward(hours=80)
        product.work(signup)
        assert product.delivery(signup)["status"] == "pending"
    product.clock.forward(hours=9)
    product.work(signup)
    assert product.delivery(signup)["status"] == "parked"


def test_the_age_of_what_waits_counts_from_the_click(product: Product, visitor: Visitor) -> None:
    signup = visitor.sign_up(ZOE)
    product.work(signup)
    product.clock.forward(hours=20)
    assert visitor.open(visitor.link(), "POST").status == 200
    product.clock.forward(seconds=5)
    oldest = Waiting(product.container.table).oldest("paris")
    assert oldest.of_all == epoch_milliseconds(product.clock()) - 5000
