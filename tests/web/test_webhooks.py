"""`POST /events`: signed events are stored, and each is accepted or rejected by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.config.model import Settings, Webhook
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import EventType
from chalicelib.providers.account import Account
from tests.ingestion.test_signatures import whsec
from tests.support import webhooks
from tests.web.surroundings import NOW, Answer, World, ask, gateway_event, make_app, make_settings

SHOP, CRM, TWIN_OF_CRM, UNSUBSCRIBES, ALL = map(whsec, ("shop", "crm", "crm", "unsubscribes", "all"))
SIGNED_AT = datetime(2026, 3, 1, 9, 29, 50, tzinfo=UTC)
SIGNUP = {"type": "signup", "form": "footer", "email": "zoe@example.com", "fields": {"prenom": "Zoé"}}
UNSUBSCRIBE = {"type": "unsubscribe", "email": "zoe@example.com"}

Post = Callable[..., Answer]


def settings() -> Settings:
    def webhook(name: str, secret: str, **more: Any) -> Webhook:
        return Webhook(name, (Secret.plain(secret),), **more)

    known = [
        webhook("shop", SHOP),
        webhook("crm", CRM, types=frozenset({"unsubscribe"}), accounts=frozenset({"lettre"})),
        webhook("twin", TWIN_OF_CRM, types=frozenset({"signup"}), accounts=frozenset({"paris"})),
        webhook("unsubscribes", UNSUBSCRIBES, types=frozenset({"unsubscribe"})),
        webhook("all", ALL, types=frozenset({"signup", "unsubscribe", "sync"})),
    ]
    made = make_settings()
    accounts = {**made.accounts, "without": Account("without", "mailpartner")}
    return replace(made, accounts=accounts, webhooks={one.name: one for one in known})


def signed(body: str, secret: str = SHOP, id: str = "msg_1", at: datetime = SIGNED_AT) -> dict[str, str]:
    return {"Content-Type": "application/json", **webhooks.signed(body, id, at, secret)}


@pytest.fixture
def post(world: World) -> Post:
    """`post(body, secret=, id=, headers=)`: the answer to a signed request; `body` is JSON's value or text."""
    app = make_app(world, settings())

    def request(body: Any, *, headers: Mapping[str, str] | None = None, **how: Any) -> Answer:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        answer = ask(app, gateway_event("POST", "/events", signed(text, **how) | dict(headers or {}), text))
        assert "example.com" not in answer.body
        return answer

    return request


def rejected(answer: Answer) -> dict[int, list[tuple[str, str]]]:
    return {one["index"]: [(e["field"], e["message"]) for e in one["errors"]] for one in answer.json["rejected"]}


def test_one_event_is_accepted(post: Post, world: World) -> None:
    answer = post({**SIGNUP, "id": "order-1", "unknown": 1, "consent": {"source": "https://www.example.com/"}})
    assert (answer.status, answer.headers["content-type"]) == (202, "application/json")
    assert answer.json == {"accepted": 1, "events": [{"index": 0, "id": "order-1"}], "rejected": []}
    [event] = world.stored
    assert (event.type, event.email, event.accounts) == (EventType.SIGNUP, "zoe@example.com", ("paris",))
    assert (event.fields, event.form, event.list) == ({"prenom": "Zoé"}, "footer", None), "the form's own names"
    assert event.may_lift_suppression
    assert (event.occurred_at, event.occurred_at_stated) == (SIGNED_AT, False)
    assert event.accepted_at == NOW.replace(microsecond=1000)


def test_every_event_of_a_list_is_decided_by_itself(post: Post, world: World) -> None:
    world.taken = {"taken"}
    events = [
        {**SIGNUP, "id": "a"},
        {**SIGNUP, "email": "nobody"},
        {**UNSUBSCRIBE, "accounts": ["lettre", "paris"]},
        "no object",
        {**UNSUBSCRIBE, "id": "taken"},
        {**SIGNUP, "occurred_at": "2026-03-01T09:35:01Z"},
        {"type": "signup", "account": "without", "list": "1", "email": "zoe@example.com"},
    ]
    answer = post({"events": events})
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert [one["index"] for one in answer.json["events"]] == [0, 2]
    assert [event.id for event in world.stored] == [one["id"] for one in answer.json["events"]]
    decisions = rejected(answer)
    assert {index: [name for name, _ in field_errors] for index, field_errors in decisions.items()} == {
        1: ["email"],
        3: ["", "type"],
        4: ["id"],
        5: ["occurred_at"],
        6: ["account"],
    }
    assert decisions[4] == [("id", "was used before, with other content; ids are shared by all senders")]


def test_ids_are_derived_from_the_request_and_the_index(post: Post) -> None:
    batch = {"events": [SIGNUP, UNSUBSCRIBE, SIGNUP]}

    def ids(**how: Any) -> list[str]:
        return [one["id"] for one in post(batch, **how).json["events"]]

    first = ids()
    assert len(set(first)) == 3
    assert ids(at=SIGNED_AT + timedelta(minutes=2)) == first
    assert not set(ids(id="msg_2")) & set(first)
    assert not set(ids(secret=ALL)) & set(first), "two back ends may both count from 1"
    assert post(SIGNUP).json["events"][0]["id"] == first[0]


@pytest.mark.parametrize(
    ("secret", "event", "field"),
    [
        (SHOP, {"type": "sync", "kind": "contacts", "source": "crm"}, "type"),
        (SHOP, {"type": "other", "email": "zoe@example.com"}, "type"),
        (SHOP, {"type": ["signup"], "email": "zoe@example.com"}, "type"),
        (UNSUBSCRIBES, SIGNUP, "type"),
        (CRM, UNSUBSCRIBE, "accounts"),
        (CRM, {**UNSUBSCRIBE, "accounts": ["paris"]}, "accounts"),
        (CRM, {**UNSUBSCRIBE, "accounts": ["paris", "lettre"]}, "accounts"),
        (CRM, {"type": "signup", "account": "lettre", "list": "1", "email": "zoe@example.com"}, "account"),
    ],
)
def test_events_a_webhook_may_not_send_are_rejected(
    post: Post, world: World, secret: str, event: Mapping[str, Any], field: str
) -> None:
    answer = post({"events": [event]}, secret=secret)
    assert answer.status == 422
    assert [name for name, _ in rejected(answer)[0]] == [field]
    assert post(event, secret=secret).json["errors"][0]["field"] == field
    assert world.stored == []


def test_events_a_webhook_may_send_are_accepted(post: Post) -> None:
    events = [{**UNSUBSCRIBE, "accounts": ["lettre"]}, SIGNUP]
    assert post({"events": events}, secret=CRM).json["accepted"] == 2


def test_a_form_of_another_account_is_reported(world: World) -> None:
    known = replace(settings(), webhooks={"crm": Webhook("crm", (Secret.plain(CRM),), accounts=frozenset({"lettre"}))})
    body = json.dumps(SIGNUP)
    answer = ask(make_app(world, known), gateway_event("POST", "/events", signed(body, CRM), body))
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "form")


def test_a_single_wrong_event_is_422(post: Post) -> None:
    answer = post({"type": "signup", "email": "nobody"})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert sorted(one["field"] for one in answer.json["errors"]) == ["email", "form"]
    assert answer.json["accepted"] == 0
    assert answer.json["events"] == []
    assert sorted(name for name, _ in rejected(answer)[0]) == ["email", "form"]


def test_a_list_without_a_valid_event_is_422(post: Post, world: World) -> None:
    world.taken = {"taken"}
    answer = post({"events": [{**SIGNUP, "email": "nobody"}, {**UNSUBSCRIBE, "id": "taken"}, 1]})
    assert (answer.status, answer.json["status"], answer.json["accepted"]) == (422, 422, 0)
    assert set(rejected(answer)) == {0, 1, 2}
    assert [one["field"] for one in answer.json["errors"]] == [
        "events[0].email",
        "events[1].id",
        "events[2]",
        "events[2].type",
    ]


def test_409_for_a_single_event_under_the_id_of_another(post: Post, world: World) -> None:
    world.taken = {"taken"}
    answer = post({**UNSUBSCRIBE, "id": "taken"})
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")


def test_503_when_not_all_events_are_stored(post: Post, world: World) -> None:
    world.failure = LedgerUnavailable("down")
    answer = post({"events": [SIGNUP, SIGNUP]})
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "accepted" not in answer.json


def test_the_ledger_is_not_called_when_all_events_are_wrong(post: Post, world: World) -> None:
    world.failure = LedgerUnavailable("down")
    assert post({"events": [1]}).status == 422


@pytest.mark.parametrize("body", ["", "{", "null,", "{'a': 1}", '{"type": NaN}', "[" * 100_000])
def test_400_for_an_unreadable_body(post: Post, body: str) -> None:
    assert post(body).status == 400


@pytest.mark.parametrize(
    "body",
    ["null", "[]", "1", '"text"', "{}", '{"events": []}', '{"events": {}}', '{"events": "x"}', '{"events": null}',
     json.dumps({"events": [SIGNUP] * 1001})],
)  # fmt: skip
def test_422_for_a_readable_but_wrong_body(post: Post, world: World, body: str) -> None:
    answer = post(body)
    assert (answer.status, answer.json["title"]) == (422, "Unprocessable Content")
    assert world.stored == []


def test_an_empty_list_is_422(post: Post) -> None:
    assert [one["field"] for one in post({"events": []}).json["errors"]] == ["events"]


@pytest.mark.seconds
@pytest.mark.no_cover
def test_a_thousand_events_are_accepted(post: Post, world: World) -> None:
    assert post({"events": [SIGNUP] * 1000}).json["accepted"] == 1000
    assert len({event.id for event in world.stored}) == 1000


def test_413_above_five_megabytes_even_unsigned(post: Post, world: World) -> None:
    def body(size: int) -> str:
        start = json.dumps({**SIGNUP, "padding": ""})[:-2]
        return start + "x" * (size - len(start) - 2) + '"}'

    for headers in ({}, {"webhook-signature": "v1,AAAA"}):
        assert post(body(5 * 1024 * 1024 + 1), headers=headers).status == 413
    largest = post(body(5 * 1024 * 1024))
    assert largest.status == 422, "one event has at most 64 KB"
    assert "64 KB" in largest.json["errors"][0]["message"]
    assert post(body(60_000)).status == 202


@pytest.mark.seconds
@pytest.mark.no_cover
def test_thousands_of_errors_give_a_bounded_answer(post: Post) -> None:
    fields: dict[str, Any] = {f"{number}\U0001f600" * 9: {} for number in range(10, 30)}
    wrong = {"type": "signup", "account": "paris", "list": "1", "email": "a@b.test", "fields": fields}
    answer = post({"events": [wrong] * 1000})
    assert answer.status == 422
    assert len(json.dumps(answer.body)) < 6_000_000
    assert len(answer.json["errors"]) == 101
    assert {len(field_errors) for field_errors in rejected(answer).values()} == {11}
    assert rejected(answer)[0][-1] == ("", "and 10 more mistakes")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/json; charset=utf-8", 202), ("APPLICATION/JSON", 202), ("application/cloudevents+json", 202),
     ("", 202), ("application/x-www-form-urlencoded", 202), ("text/plain; charset=UTF-8", 202),
     ("application/xml", 415)],
)  # fmt: skip
def test_json_content_types_are_read(post: Post, content_type: str, status: int) -> None:
    assert post(SIGNUP, headers={"Content-Type": content_type}).status == status


def test_415_for_a_content_coding(post: Post) -> None:
    assert post(SIGNUP, headers={"Content-Encoding": "gzip"}).status == 415
    assert post(SIGNUP, headers={"Content-Encoding": "identity"}).status == 202


def test_401_before_the_body_is_read(post: Post, world: World) -> None:
    for body in ("{", "null", SIGNUP, {"events": []}):
        answer = post(body, secret=whsec("strange"))
        assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.headers["www-authenticate"].startswith("Webhook")
    assert post(SIGNUP, at=NOW - timedelta(seconds=301)).status == 401
    assert post(SIGNUP, headers={"webhook-id": "msg_2"}).status == 401
    assert world.stored == []


def test_401_without_a_configured_webhook(world: World) -> None:
    body = json.dumps(SIGNUP)
    answer = ask(make_app(world, make_settings()), gateway_event("POST", "/events", signed(body), body))
    assert answer.status == 401
    assert ask(make_app(world, make_settings()), gateway_event("POST", "/events")).status == 401


def test_503_when_the_secret_cannot_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAIS_TEST_NO_SUCH_SECRET", raising=False)
    broken = Webhook("broken", (Secret("env:RELAIS_TEST_NO_SUCH_SECRET", key="webhooks.broken.secret"),))
    app = make_app(world, replace(make_settings(), webhooks={"broken": broken}))
    body = json.dumps(SIGNUP)
    assert ask(app, gateway_event("POST", "/events", signed(body), body)).status == 503


def test_other_methods_are_405(world: World) -> None:
    app = make_app(world, settings())
    for method in ("PATCH", "PUT", "DELETE"):
        answer = ask(app, gateway_event(method, "/events"))
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_the_log_has_the_webhook_and_counts_and_no_address(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    post({"events": [SIGNUP, {**SIGNUP, "email": "zoe@@example.com", "id": "zoe@example.com"}]}, id="zoe@example.com")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    line = next(line for line in lines if line.get("message") == "events received")
    assert (line["webhook"], line["accepted"], line["rejected"]) == ("shop", 1, 1)
    assert any(line.get("rejected") == 1 and "message" not in line for line in lines)
    assert "example.com" not in json.dumps(lines)
    assert SHOP not in json.dumps(lines)
