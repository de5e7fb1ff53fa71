"""What back ends and AWS services put on a queue: byte order marks, envelopes, several events in one message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.delivery import worker
from chalicelib.ingestion import envelopes
from chalicelib.ingestion.envelopes import unwrap
from tests.operators.support import enqueued, report
from tests.support.aws import TestAws
from tests.support.product import Product

LEAVE = {"type": "unsubscribe", "id": "left-1", "email": "a@example.com"}
BOM = "\ufeff"


def sns(message: Any, **changes: Any) -> dict[str, Any]:
    """A notification as SNS puts it on a queue without raw message delivery."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-3:123456789012:customers",
        "Subject": "left",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-03-01T09:29:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {"kind": {"Type": "String", "Value": "left"}},
        **changes,
    }


def eventbridge(detail: Any, **changes: Any) -> dict[str, Any]:
    """An event as EventBridge puts it on a queue."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "customer left",
        "source": "com.example.shop",
        "account": "123456789012",
        "time": "2026-03-01T09:29:00Z",
        "region": "eu-west-3",
        "resources": [],
        "detail": detail,
        **changes,
    }


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = text(value)
    return value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BOM + text(LEAVE), id="field-6"),
        pytest.param(BOM * 3 + text(LEAVE), id="three marks"),
        pytest.param(f" \r\n{BOM}{text(LEAVE)}\n", id="white space before the mark", marks=pytest.mark.slow),
        pytest.param(BOM + " \n" + BOM + text(LEAVE), id="white space between two marks"),
        pytest.param(text(BOM + text(LEAVE)), id="a mark in the inner text"),
        pytest.param(text(sns(BOM + text(LEAVE))), id="a mark in a notification's message", marks=pytest.mark.slow),
        pytest.param(BOM + text([LEAVE]), id="a mark before an array"),
    ],
)
def test_field_case_06_byte_order_marks_on_a_queue_are_skipped(product: Product, body: str) -> None:
    assert product.work(bodies=(body,)) == {"batchItemFailures": []}
    assert product.view("left-1")["status"] == "delivered"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(text(sns(LEAVE)), id="field-7-sns"),
        pytest.param(text(eventbridge(LEAVE)), id="field-7-eventbridge"),
        pytest.param(nested(LEAVE, 2), id="field-7-text"),
        pytest.param(text({"events": [LEAVE]}), id="field-7-events"),
        pytest.param(text([LEAVE]), id="field-7-array"),
        pytest.param(text(sns(eventbridge(LEAVE))), id="EventBridge by way of SNS"),
        pytest.param(text(eventbridge({"events": [LEAVE]})), id="events in EventBridge's detail"),
        pytest.param(text(eventbridge(text(LEAVE))), id="a text as detail", marks=pytest.mark.slow),
        pytest.param(text(sns(text(text(LEAVE)))), id="a text twice in SNS", marks=pytest.mark.slow),
        pytest.param(text({"events": [text(LEAVE)]}), id="texts in events", marks=pytest.mark.slow),
        pytest.param(text({"events": text([LEAVE])}), id="events as a text"),
        pytest.param(text({"events": LEAVE}), id="events as one object", marks=pytest.mark.slow),
        pytest.param(text([[[LEAVE]]]), id="arrays in arrays"),
        pytest.param(text([sns([LEAVE])]), id="an array of notifications", marks=pytest.mark.slow),
        pytest.param(text(sns(LEAVE, Subject=None)), id="SNS without a subject", marks=pytest.mark.slow),
        pytest.param(nested(LEAVE, 6), id="five levels of text"),
        pytest.param(text(sns(sns(sns(sns(sns(LEAVE)))))), id="five topics"),
        pytest.param(text([{"events": [sns(eventbridge(text(LEAVE)))]}]), id="five kinds"),
    ],
)
def test_field_case_07_envelopes_are_unwrapped(product: Product, body: str) -> None:
    assert product.work(bodies=(body,)) == {"batchItemFailures": []}
    assert product.view("left-1")["status"] == "delivered"
    assert product.paris.unsubscribed_emails == ["a@example.com"]


@pytest.mark.parametrize("body", [nested(LEAVE, 7), text(sns(sns(sns(sns(sns(sns(LEAVE))))))), text([[[[[[LEAVE]]]]]])])
def test_more_than_five_envelopes_are_refused(product: Product, body: str) -> None:
    product.work(bodies=(body,))
    assert product.shown("left-1") is None
    assert report(product)["refused"] == 2


@pytest.mark.seconds
def test_a_message_has_at_most_a_thousand_events(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.error for one in unwrap({"events": [[LEAVE] * 500, [LEAVE] * 500]}, "message")] == [None] * 1000
    (whole,) = unwrap({"events": [[LEAVE] * 500, [LEAVE] * 501]}, "message")
    assert str(whole.error) == "must have at most 1,000 events"
    monkeypatch.setattr(envelopes, "EVENTS_A_MESSAGE", 3)
    events = [{**LEAVE, "id": f"left-{number}"} for number in range(4)]
    product.work(bodies=(events,))
    assert [product.shown(f"left-{number}") for number in range(4)] == [None] * 4
    assert report(product)["refused"] == 2
    product.work(bodies=(events[:3],))
    assert {product.view(f"left-{number}")["status"] for number in range(3)} == {"delivered"}


def test_an_event_of_ours_is_no_envelope(product: Product) -> None:
    event = {**LEAVE, "events": [], "detail": {}, "detail-type": "x", "Type": "Notification", "Message": "{}"}
    product.work(bodies=(event,))
    assert product.view("left-1")["status"] == "delivered"


def test_an_id_comes_from_the_innermost_envelope_and_the_index(product: Product) -> None:
    """SNS may deliver a notification twice, as two messages: it is the same events."""
    one, two = {"type": "signup", "form": "footer", "email": "a@example.com"}, {**LEAVE, "id": None, "email": "b@x.org"}
    product.work(bodies=(sns([one, two]), sns([one, two])))
    assert report(product)["accepted"] == 3
    assert len(product.paris.rows) == 1
    product.work(bodies=(sns([one], MessageId="another"),))
    assert len(product.paris.rows) == 2


@pytest.mark.parametrize(
    "outer",
    [
        lambda event: sns(eventbridge(event), MessageId="each time another"),
        lambda event: [eventbridge(event)],
        lambda event: {"events": [text(eventbridge([event]))]},
        lambda event: eventbridge(event),
        lambda event: text(eventbridge(event)),
    ],
)
def test_the_innermost_envelope_counts(product: Product, outer: Any) -> None:
    event = {"type": "signup", "form": "footer", "email": "a@example.com"}
    product.work(bodies=(eventbridge(event), outer(event)))
    assert len(product.paris.rows) == 1


def test_events_of_one_message_without_envelope_have_ids_by_message_and_index(product: Product) -> None:
    signups = [{"type": "signup", "form": "footer", "email": f"p{number}@example.com"} for number in range(3)]
    record = product.record([signups[0], {"events": signups[1:]}])
    for _ in range(2):  # SQS delivers at least once
        product.receive(record)
    assert sorted(product.paris.emails) == [f"p{number}@example.com" for number in range(3)]


def test_one_invalid_event_of_a_message_costs_the_others_nothing(product: Product) -> None:
    good = {"type": "signup", "id": "good", "form": "footer", "email": "a@example.com"}
    product.work(bodies=([{**LEAVE, "email": "no address"}, good, "no JSON", 7, None],))
    assert product.view("good")["status"] == "delivered"
    assert product.shown("left-1") is not None


@pytest.mark.seconds
def test_a_message_with_nothing_in_it_is_refused(product: Product) -> None:
    for body in ("[]", '{"events": []}', "{}", "7", '"no JSON"', "null", text(sns("please unsubscribe me"))):
        before = report(product)["refused"]
        product.work(bodies=(body,))
        assert report(product)["refused"] > before, body


def test_many_events_of_one_id_in_a_message_are_one_event(product: Product) -> None:
    events = [{"type": "signup", "id": "same", "form": "footer", "email": f"p{number}@x.org"} for number in range(50)]
    product.work(bodies=(events,))
    assert product.paris.emails == ["p0@x.org"]
    assert report(product)["refused"] == 49


def test_an_invocation_delivers_a_bounded_number_of_events_and_announces_the_rest(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_EVENTS", 3)
    events = [{"type": "signup", "id": f"in-{n}", "form": "footer", "email": f"p{n}@x.org"} for n in range(5)]
    product.work(bodies=(events,))
    assert len(product.paris.emails) == 3
    assert enqueued(resources) == ["in-3", "in-4"]
