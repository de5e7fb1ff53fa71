"""`POST /forms/{form}/signup` and `/unsubscribe`: stored events and answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ConfigurationError, FieldError, IdConflict, LedgerUnavailable, SecretUnavailable
from chalicelib.domain.events import EventType
from tests.web.surroundings import NOW, Answer, Send, World, ask, gateway_event, make_app, make_settings

JSON = {"Content-Type": "application/json"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
SIGNUP = "/forms/footer/signup"
UNSUBSCRIBE = "/forms/footer/unsubscribe"
BODY = '{"email": "a@example.com", "prenom": "Zoé"}'
MULTIPART = (
    '--xyz\r\nContent-Disposition: form-data; name="email"\r\n\r\na@example.com\r\n'
    '--xyz\r\nContent-Disposition: form-data; name="prenom"\r\n\r\nZoé\r\n--xyz--\r\n'
)


def problem(answer: Answer) -> tuple[int, str, list[str]]:
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json
    assert said["status"] == answer.status
    assert set(said) - {"errors"} == {"type", "title", "status", "detail"}
    return answer.status, said["title"], [error["field"] for error in said.get("errors", [])]


def test_a_signup_is_stored_and_accepted(send: Send, world: World) -> None:
    answer = send("POST", SIGNUP, JSON | {"Referer": "https://www.example.com/news?x=1"}, BODY)
    assert (answer.status, answer.json) == (202, {"id": world.stored[0].id, "status": "accepted"})
    assert answer.headers["content-type"] == "application/json"
    (event,) = world.stored
    assert (event.type, event.email, event.accounts) == (EventType.SIGNUP, "a@example.com", ("paris",))
    assert (event.fields, event.form, event.list) == ({"prenom": "Zoé"}, "footer", None), "the form's own names"
    assert event.occurred_at == event.accepted_at == NOW.replace(microsecond=1_000)
    assert event.consent is not None
    assert (event.consent.ip, event.consent.source) == ("203.0.113.9", "https://www.example.com/news")


def test_other_encodings_give_the_same_event(send: Send, world: World) -> None:
    encoded = base64.b64encode(MULTIPART.encode()).decode()
    assert send("POST", SIGNUP, JSON, BODY).status == 202
    assert send("POST", SIGNUP, URLENCODED, "email=a%40example.com&prenom=Zo%C3%A9").status == 202
    assert (
        send("POST", SIGNUP, {"content-type": "multipart/form-data; boundary=xyz"}, encoded, base64=True).status == 202
    )
    assert send("POST", SIGNUP, {"CONTENT-TYPE": "multipart/form-data; boundary=xyz"}, MULTIPART).status == 202
    assert len({(event.email, tuple(event.fields.items())) for event in world.stored}) == 1
    assert len(world.stored) == 4


@pytest.mark.parametrize("language", ["[]", "[null]", '"xx"'])
def test_a_language_of_a_page_that_is_none_is_ignored(send: Send, world: World, language: str) -> None:
    body = f'{{"email": "a@example.com", "@hosted": {language}}}'
    assert [send("POST", path, JSON, body).status for path in (SIGNUP, UNSUBSCRIBE)] == [202, 202]


def test_an_unsubscribe_is_for_every_account(send: Send, world: World) -> None:
    assert send("POST", UNSUBSCRIBE, URLENCODED, "email=a%40example.com&website=x").status == 202
    (event,) = world.stored
    assert (event.type, event.accounts, event.refused) == (EventType.UNSUBSCRIBE, ("paris", "lettre"), None)


def test_a_browser_is_redirected(send: Send, world: World) -> None:
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = send("POST", SIGNUP, URLENCODED | html, "email=a%40example.com")
    assert (answer.status, answer.headers["location"], answer.body) == (303, "https://www.example.com/merci", "")
    assert send("POST", UNSUBSCRIBE, URLENCODED | html, "email=a%40example.com").status == 200, "a page of its own"
    without = send("POST", "/forms/closed/signup", URLENCODED | html, "email=a%40example.com")
    assert (without.status, without.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert len(world.stored) == 3


def test_a_filled_trap_gets_the_ordinary_answer(send: Send, world: World) -> None:
    answer = send("POST", SIGNUP, JSON, '{"email": "nobody", "website": "http://spam.example"}')
    assert (answer.status, answer.json) == (202, {"id": world.stored[0].id, "status": "accepted"})
    html = send("POST", SIGNUP, URLENCODED | {"Accept": "text/html"}, "email=a%40example.com&website=x")
    assert html.status == 303
    assert [event.refused for event in world.stored] == ["trap", "trap"]


def test_an_idempotency_key_gives_the_same_id_on_the_same_form_and_path(send: Send, world: World) -> None:
    def id_of(path: str, key: str) -> str:
        return str(send("POST", path, JSON | {"Idempotency-Key": key}, BODY).json["id"])

    first = id_of(SIGNUP, "key-1")
    assert id_of(SIGNUP, "key-1") == first
    assert id_of(SIGNUP, ' "key-1" ') == first
    others = {id_of(UNSUBSCRIBE, "key-1"), id_of("/forms/closed/signup", "key-1"), id_of(SIGNUP, "key-2")}
    assert len(others | {first}) == 4
    assert [event.id for event in world.stored[:2]] == [first, first]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param('{"email": "victim@example.com", "prenom": "Zoé"}', id="hostile-14: key claimed by another"),
        pytest.param('{"email": "a@example.org", "prenom": "Zoé"}', id="field-15: corrected typo"),
        '{"email": "a@example.com", "prenom": "Zoë"}',
        '{"email": "a@example.com"}',
        '{"email": "a@example.com", "prenom": "Zoé", "website": "filled"}',
        '{"email": "a@example.com", "prenom": "http://evil.example"}',
    ],
)
def test_hostile_14_other_content_under_an_idempotency_key_is_another_event(
    send: Send, world: World, other: str
) -> None:
    key = JSON | {"Idempotency-Key": "order-1"}
    answers = [send("POST", SIGNUP, key, body) for body in (BODY, other, BODY, other)]
    assert [answer.status for answer in answers] == [202] * 4
    ids = [answer.json["id"] for answer in answers]
    assert (ids[2:], len(set(ids))) == (ids[:2], 2)


def test_spellings_and_unmapped_fields_do_not_make_another_event(send: Send, world: World) -> None:
    key = JSON | {"Idempotency-Key": "order-1"}
    same = [BODY, BODY.replace("a@", " A@"), BODY.replace("}", ', "other": 1}'), BODY.replace("Zo", "Zo\\u0001")]
    assert len({send("POST", SIGNUP, key | {"Referer": "https://x.example"}, body).json["id"] for body in same}) == 1


def test_an_id_of_an_idempotency_key_tells_no_address(send: Send, world: World) -> None:
    """Without the address keys nobody can find an address by trying, even with the Idempotency-Key."""
    settings = make_settings()

    def id_under(*keys: Secret) -> str:
        app = make_app(world, replace(settings, privacy=Privacy(keys)))
        return str(ask(app, gateway_event("POST", SIGNUP, key, BODY)).json["id"])

    key = JSON | {"Idempotency-Key": "order-1"}
    mine = send("POST", SIGNUP, key, BODY).json["id"]
    another = Secret.plain("another key")
    assert id_under(another, *settings.privacy.address_keys) == mine, "a new key that is put first changes no id"
    assert id_under(another) != mine


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "clé", "a\tb"])
def test_a_malformed_idempotency_key_is_400(send: Send, world: World, key: str) -> None:
    assert problem(send("POST", SIGNUP, JSON | {"Idempotency-Key": key}, BODY)) == (400, "Bad Request", [])
    assert world.stored == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, "{", 400),
        (JSON, None, 400),
        (JSON, '{"email": "a@example.com", "prenom": "\ud800"}', 400),
        (URLENCODED | {"Content-Type": f"{URLENCODED['Content-Type']}; charset=utf-8"}, "prenom=%E9", 400),
        pytest.param(JSON, BODY.replace("Zo", "Zo\ufffd"), 400, id="hostile-15: API Gateway replaced a byte"),
        (JSON, '{"email": "' + "x" * 102_400 + '"}', 413),
        ({"Content-Type": "text/html"}, BODY, 415),
        (JSON | {"Content-Encoding": "gzip"}, BODY, 415),
        pytest.param(JSON | {"Content-Encoding": "gzip"}, "\x1f\ufffd\b", 415, id="API Gateway replaced bytes of gzip"),
        (JSON | {"Content-Encoding": "identity"}, BODY.replace("Zo", "Zo\ufffd"), 400),
        (JSON, "[]", 422),
    ],
)
def test_unacceptable_bodies_are_rejected(
    send: Send, world: World, headers: dict[str, str], body: str, status: int
) -> None:
    assert problem(send("POST", SIGNUP, headers, body))[0] == status
    assert world.stored == []


@pytest.mark.parametrize("broken", ["!!!", "eyJ", "é", "e y J 9"])
def test_broken_base64_is_400_and_not_an_empty_body(send: Send, world: World, broken: str) -> None:
    answer = send("POST", SIGNUP, URLENCODED | {"Origin": "https://www.example.com"}, broken, base64=True)
    assert problem(answer)[0] == 400
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    assert send("POST", "/forms/nowhere/signup", JSON, broken, base64=True).status == 404


def test_wrong_fields_are_422_and_named(send: Send) -> None:
    answer = send("POST", SIGNUP, JSON, '{"email": "a@b@example.com", "prenom": {"x": 1}, "other": {"y": 2}}')
    assert problem(answer) == (422, "Unprocessable Content", ["email", "prenom"])


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (IdConflict("held"), 409),
        (LedgerUnavailable("throttled"), 503),
        (SecretUnavailable("privacy.address_keys", "ssm:/k", "denied"), 503),
        (ConfigurationError([FieldError("privacy", "is missing")]), 500),
        (RuntimeError("a@example.com"), 500),
    ],
)
@pytest.mark.parametrize(("path", "key"), [(SIGNUP, {}), (SIGNUP, {"Idempotency-Key": "k"}), (UNSUBSCRIBE, {})])
def test_503_when_the_event_cannot_be_stored(
    send: Send,
    world: World,
    failure: Exception,
    status: int,
    path: str,
    key: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.failure = failure
    answer = send("POST", path, JSON | {"Origin": "https://www.example.com"} | key, BODY)
    assert problem(answer)[0] == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    assert str(failure) not in answer.body
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = [line for line in logged if line.get("level") == "ERROR"]
    assert [(line["request_id"], line["error"]) for line in errors] == (
        [("gateway-request-1", type(failure).__name__)] if status >= 500 else []
    )
    assert [line["failures"] for line in logged if "failures" in line] == ([1] if status >= 500 else [])
    assert ["RuntimeError" in line.get("exception", "") for line in errors] == [
        isinstance(failure, RuntimeError)
    ] * len(errors)
    assert "a@example.com" not in json.dumps(logged)


def test_other_paths_and_methods_are_rejected(send: Send) -> None:
    for path in (
        "/forms/nowhere/signup",
        "/forms/footer/signup/",
        "/forms/footer/other",
        "/forms//signup",
    ):
        assert problem(send("POST", path, JSON, BODY))[0] == 404
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = send(method, SIGNUP, JSON, BODY)
        assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")
    assert send("POST", "/f%6Frms/f%6Foter/signup", JSON, BODY).status == 202


def test_no_answer_repeats_an_address(send: Send, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """For any wrong request, its address is in no answer and in no log line."""
    address = "someone.private@example.org"
    attempts: list[tuple[Any, ...]] = [
        ("POST", SIGNUP, JSON, json.dumps({"email": address + "@"})),
        ("POST", SIGNUP, JSON, json.dumps({"email": f"<{address}>", "prenom": [address]})),
        ("POST", SIGNUP, JSON, json.dumps([address])),
        ("POST", SIGNUP, JSON, address),
        ("POST", SIGNUP, {"Content-Type": address}, address),
        ("POST", SIGNUP, JSON | {"Idempotency-Key": address + "é"}, "{}"),
        ("POST", SIGNUP, JSON | {"Origin": f"https://{address}"}, "{}"),
        ("POST", f"/forms/{address}/signup", JSON, "{}"),
        ("GET", f"/events/{address}", {"Authorization": f"Bearer {address}"}, None),
        ("GET", f"/{address}", {"Accept": "text/html"}, None),
        ("POST", SIGNUP, JSON, json.dumps({"email": address})),
    ]
    answers = [send(*attempt) for attempt in attempts]
    world.failure = RuntimeError(f"could not hold {address}")
    answers.append(send("POST", SIGNUP, JSON, json.dumps({"email": address})))
    assert [answer.status for answer in answers] == [422, 422, 422, 400, 415, 400, 403, 404, 401, 404, 202, 500]
    text = repr(answers) + capsys.readouterr().out
    assert "someone.private" not in text
