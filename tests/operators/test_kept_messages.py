"""An invalid message of a queue keeps its body, leaves its id free, shows its mistakes, and can be read again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.limits import KEPT_BODY_LEVELS
from tests.operators.support import report, resend
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

LEAVE: dict[str, Any] = {"type": "unsubscribe", "id": "out-1", "email": "a@example.com"}
WITHOUT_ZONE = {**LEAVE, "occurred_at": "2026-02-26T10:00:00"}
WITH_ZONE = {**LEAVE, "occurred_at": "2026-02-26T10:00:00Z"}
SIGNUP: dict[str, Any] = {"type": "signup", "id": "in-1", "form": "popup", "email": "a@example.com"}


def configure(product: Product, **forms: Form) -> None:
    """Restart with these forms beside the others."""
    product.settings = replace(product.settings, forms={**product.settings.forms, **forms})
    product.restart()


POPUP = Form("popup", "paris", "4781", "email", {"prenom": "prenom"})


def test_field_case_04_a_refused_message_leaves_its_id_free(product: Product) -> None:
    product.work(bodies=(WITHOUT_ZONE,), queue="unsubscribes")
    view = product.view("out-1")
    assert (view["id"], view["type"], view["status"], view["notes"]) == ("out-1", "unsubscribe", "refused", [])
    assert [one["field"] for one in view["errors"]] == ["occurred_at"]
    product.work(bodies=(WITH_ZONE,), queue="unsubscribes")
    view = product.view("out-1")
    assert (view["status"], view["errors"]) == ("delivered", [])
    assert product.paris.unsubscribed_emails == ["a@example.com"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        pytest.param(WITHOUT_ZONE, WITH_ZONE, id="field-4"),
        ({**LEAVE, "email": None}, LEAVE),
        ({**LEAVE, "email": "a@b@example.com"}, LEAVE),
        ({**LEAVE, "accounts": ["ancien"]}, LEAVE),
        ({**LEAVE, "type": "Unsubscribe"}, LEAVE),
        ({**LEAVE, "scope": "everywhere"}, {**LEAVE, "scope": "global"}),
        ({**LEAVE, "more": "x" * 70_000}, LEAVE),
        ({"type": "signup", "id": "out-1", "form": "nowhere", "email": "a@example.com"}, LEAVE),
    ],
)
def test_the_same_id_valid_later_is_taken(product: Product, wrong: dict[str, Any], right: dict[str, Any]) -> None:
    for _ in range(3):
        product.work(bodies=(wrong,))
    assert product.view("out-1")["status"] == "refused"
    product.work(bodies=(right,))
    assert product.view("out-1")["status"] == "delivered"
    product.work(bodies=(wrong,))
    assert product.view("out-1")["status"] == "delivered"


def test_a_refused_message_is_read_again_under_the_configuration_of_today(product: Product) -> None:
    product.work(bodies=(SIGNUP,))
    assert product.view("in-1")["status"] == "refused"
    assert resend(product) == {"resent": 0}
    assert resend(product, status="refused") == {"resent": 0}, "the form is still not configured"
    assert product.view("in-1")["status"] == "refused"
    configure(product, popup=POPUP)
    product.clock.forward(days=3)
    assert resend(product, status="refused") == {"resent": 1}
    view = product.view("in-1")
    assert (view["status"], view["occurred_at"], view["errors"]) == ("pending", "2026-03-01T09:30:00Z", [])
    product.work("in-1")
    assert product.paris.emails == ["a@example.com"]
    assert resend(product, status="refused") == {"resent": 0}
    counts = report(product)
    assert (counts["delivered"], counts["refused"]) == (1, 0)


@pytest.mark.parametrize("kind", ["by id", "by type", "by account", "since"])
def test_filters_select_kept_messages(product: Product, kind: str) -> None:
    product.work(bodies=(SIGNUP,))
    configure(product, popup=POPUP)
    wanted = {"by id": {"id": "in-1"}, "by type": {"type": "signup"}, "by account": {"account": "paris"}}
    wanted["since"] = {"since": "2026-03-01T09:30:00Z"}
    others = {"by id": {"id": "in-2"}, "by type": {"type": "sync"}, "since": {"since": "2026-03-01T09:30:01Z"}}
    assert resend(product, status="refused", **others.get(kind, {"type": "unsubscribe"})) == {"resent": 0}
    assert resend(product, status="refused", **wanted[kind]) == {"resent": 1}


def test_a_message_read_again_counts_as_of_when_it_was_sent(product: Product) -> None:
    """A later signup, delivered meanwhile, wins."""
    product.work(bodies=({**LEAVE, "accounts": ["popup"]},))
    product.clock.forward(minutes=5)
    product.work(*product.store(product.signup("a@example.com", accounts=("lyon",))))
    accounts = {**product.settings.accounts, "popup": product.settings.accounts["lyon"]}
    product.settings = replace(product.settings, accounts=accounts)
    product.providers["popup"] = product.providers["lyon"]
    product.restart()
    product.clock.forward(days=9)
    assert resend(product, id="out-1", status="refused") == {"resent": 1}
    assert product.view("out-1")["occurred_at"] == "2026-03-01T09:30:00Z"
    product.work("out-1")
    assert product.view("out-1")["status"] == "delivered", "accepted today, so it is not given up at once"


def test_what_is_stored_under_the_id_meanwhile_is_not_changed(product: Product) -> None:
    product.work(bodies=(SIGNUP,))
    product.work(bodies=({**SIGNUP, "form": "footer", "email": "b@example.com"},))
    configure(product, popup=POPUP)
    assert resend(product, status="refused") == {"resent": 0}
    assert product.paris.emails == ["b@example.com"]
    assert report(product)["refused"] == 2


def test_a_message_that_was_sent_again_correctly_is_not_read_again(product: Product) -> None:
    product.work(bodies=(SIGNUP,))
    configure(product, popup=POPUP)
    product.work(bodies=(SIGNUP,))
    assert resend(product, status="refused") == {"resent": 0}
    assert product.paris.emails == ["a@example.com"]
    assert report(product)["refused"] == 0


def test_a_redelivered_message_is_kept_once(product: Product) -> None:
    record = product.record(WITHOUT_ZONE)
    for _ in range(3):
        product.receive(record)
    assert report(product)["refused"] == 2


def test_where_a_message_came_from_is_kept(product: Product) -> None:
    record = product.record(WITHOUT_ZONE, attributes={"SentTimestamp": "1772357340500"})
    product.receive(record, queue="syncs")
    assert product.view("out-1")["message"] == {
        "id": record["messageId"],
        "queue": "syncs",
        "sent_at": "2026-03-01T09:29:00.500Z",
    }


def test_an_event_without_a_usable_id_is_found_under_the_derived_one(product: Product) -> None:
    product.work(bodies=({**LEAVE, "id": "no id!", "accounts": ["ancien"]},))
    with pytest.raises(AssertionError):
        product.view("no id!")
    assert report(product)["refused"] == 2


def test_a_refused_message_expires_with_its_body(product: Product, resources: TestAws) -> None:
    product.work(bodies=(WITHOUT_ZONE,))
    product.clock.forward(days=product.settings.privacy.keep_events_days + 1)
    assert product.shown("out-1") is None
    assert resend(product, status="refused", id="out-1") == {"resent": 0}
    for item in resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]:
        if "a@example.com" in json.dumps(item, default=str):
            assert int(item["expires_at"]["N"]) < product.clock().timestamp()


def test_the_newest_of_several_refused_messages_is_shown(product: Product) -> None:
    product.work(bodies=(WITHOUT_ZONE,))
    product.clock.now += timedelta(seconds=1)
    product.work(bodies=({**LEAVE, "email": "no address"},))
    assert [one["field"] for one in product.view("out-1")["errors"]] == ["email"]


def test_a_sync_is_read_again(product: Product) -> None:
    contacts = [{"email": "a@example.com", "prenom": "Zoé"}]
    body = {"type": "sync", "id": "s-1", "kind": "contacts", "account": "gone", "list": "4781", "contacts": contacts}
    product.work(bodies=(body,), queue="syncs")
    assert product.view("s-1")["status"] == "refused"
    product.settings = replace(
        product.settings, accounts={**product.settings.accounts, "gone": product.settings.accounts["paris"]}
    )
    product.restart()
    assert resend(product, status="refused", type="sync") == {"resent": 1}
    assert product.view("s-1")["status"] == "pending"


def test_texts_that_no_encoding_holds_are_kept_and_read(product: Product) -> None:
    product.work(bodies=(json.dumps({**SIGNUP, "other": "\ud800", "more": 0}).replace(": 0", ": 1e999"),))
    assert product.view("in-1")["status"] == "refused"
    configure(product, popup=POPUP)
    assert resend(product, status="refused") == {"resent": 1}


def test_a_body_too_large_to_keep_goes_to_the_dead_letter_queue(product: Product, resources: TestAws) -> None:
    kept, large = "x" * 255 * 1024, "x" * 257 * 1024
    product.work(bodies=({**LEAVE, "id": "kept", "more": kept}, {**LEAVE, "id": "large", "more": large}))
    assert product.shown("kept") is not None
    assert product.shown("large") is None
    url = resources.queue_url("relais-local-signups-dlq")
    (message,) = resources.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)["Messages"]
    assert json.loads(message["Body"])["id"] == "large"


def test_a_body_nested_too_deeply_to_keep_goes_to_the_dead_letter_queue(product: Product, resources: TestAws) -> None:
    """Python could not read it everywhere: `forget`, which reads all kept bodies, would fail."""
    bodies = [
        json.dumps({**WITHOUT_ZONE, "id": name, "more": 0}).replace(": 0}", f": {'[' * levels}{']' * levels}}}")
        for name, levels in (("kept", KEPT_BODY_LEVELS - 1), ("deep", KEPT_BODY_LEVELS))
    ]
    product.work(bodies=bodies)
    assert (product.shown("kept") is None, product.shown("deep") is None) == (False, True)
    url = resources.queue_url("relais-local-signups-dlq")
    (message,) = resources.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)["Messages"]
    assert json.loads(message["Body"])["id"] == "deep"
    assert product.container.forget({"email": "a@example.com"}, FakeContext())["erased"] == 1
