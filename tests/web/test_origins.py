"""Which pages may use a form, what a refusal says, and what a preflight allows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.observability import metrics
from tests.web.surroundings import PUBLIC_URL, Send, World, ask, gateway_event, make_app, make_settings

LISTED = "https://www.example.com"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PATHS = ["/forms/footer/signup", "/forms/footer/unsubscribe"]
BODIES = {
    URLENCODED: "email=a%40example.com",
    URLENCODED.upper() + "; charset=UTF-8": "email=a%40example.com",
    MULTIPART: '--x\r\ncontent-disposition: form-data; name="email"\r\n\r\na@example.com\r\n--x--\r\n',
}


FIELDS_MISNAMED = json.dumps({"email": "a@example.com", "Prénom": "Zoé"})


@pytest.fixture
def open_send(world: World) -> Send:
    """The form `open` lists `"null"`; `public_url` is Relais' own."""
    app = make_app(world, make_settings(public_url=PUBLIC_URL))
    return lambda *args, **kwargs: ask(app, gateway_event(*args, **kwargs))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content_type", [*BODIES, "application/json", "text/plain", ""])
def test_field_case_16_a_hidden_origin_is_refused_and_the_answer_says_why(
    send: Send, world: World, path: str, content_type: str
) -> None:
    answer = send("POST", path, {"Origin": "null", "Content-Type": content_type}, BODIES.get(content_type, "{}"))
    assert answer.status == 403
    detail = answer.json["detail"]
    assert "Referrer-Policy" in detail and "no-referrer" in detail and "same-origin" in detail
    assert "strict-origin-when-cross-origin" in detail
    assert '"null"' in detail and "origins" in detail and "[forms.footer]" in detail
    assert "access-control-allow-origin" not in answer.headers
    assert world.stored == []


@pytest.mark.parametrize("verb", ["signup", "unsubscribe"])
@pytest.mark.parametrize("content_type", BODIES)
def test_field_case_16_a_listed_null_lets_plain_forms_in(
    open_send: Send, world: World, content_type: str, verb: str
) -> None:
    headers = {"Origin": "null", "Content-Type": content_type, "Accept": "text/html"}
    answer = open_send("POST", f"/forms/open/{verb}", headers, BODIES[content_type])
    assert answer.status in (200, 202, 303)
    assert [event.email for event in world.stored] == ["a@example.com"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "content_type"),
    [("POST", "application/json"), ("POST", "text/plain"), ("POST", ""), ("OPTIONS", ""), ("PUT", URLENCODED)],
)
def test_field_case_16_a_listed_null_admits_nothing_else(
    open_send: Send, world: World, method: str, content_type: str
) -> None:
    headers = {"Origin": "null", "Access-Control-Request-Method": "POST"} | (
        {"Content-Type": content_type} if content_type else {}
    )
    answer = open_send(method, "/forms/open/signup", headers, '{"email": "a@example.com"}')
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert world.stored == []


@pytest.mark.parametrize("origin", ["https://www.example.org", "https://example.com", "http://localhost:3000"])
def test_a_refusal_says_what_to_put_where(send: Send, origin: str) -> None:
    answer = send("POST", PATHS[0], {"Origin": origin, "Content-Type": "application/json"}, "{}")
    assert answer.status == 403
    for part in (f'"{origin}"', "origins", "[forms.footer]"):
        assert part in answer.json["detail"]


@pytest.mark.parametrize("origin", ["", "https://a@example.com", "javascript:<b>", "https://x.example/a", "x" * 5000])
def test_a_malformed_origin_is_not_repeated(send: Send, origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = send("POST", PATHS[0], {"Origin": origin, "Content-Type": "application/json"}, "{}")
    assert answer.status == 403
    assert "[forms.footer]" in answer.json["detail"]
    said = "".join(capsys.readouterr())
    assert not origin or (origin not in answer.body and origin not in said)


def test_a_refused_origin_is_logged_with_its_form_and_counted(send: Send, capsys: pytest.CaptureFixture[str]) -> None:
    for origin in ("https://www.example.org", "null"):
        send("POST", PATHS[0], {"Origin": origin, "Content-Type": "application/json"}, "{}")
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [(line["form"], line["origin"]) for line in lines if line.get("message") == "origin refused"]
    assert logged == [("footer", "https://www.example.org"), ("footer", "null")]
    assert sum(line.get("origins_refused", 0) for line in lines) == 2


def refused_requests(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The log's lines about refused form requests, and the lines of metrics that count them."""
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [line for line in lines if line.get("message") == "form request refused"]
    return logged, [line for line in lines if "form_requests_refused" in line]


def test_every_answer_of_4xx_is_logged_with_form_and_origin_and_counted(
    send: Send, capsys: pytest.CaptureFixture[str]
) -> None:
    site = {"Origin": "https://www.example.com", "Content-Type": "application/json"}
    refused_requests(capsys)
    assert send("POST", PATHS[0], site, '{"email": "nobody", "prenom": {}}').status == 422
    assert send("POST", PATHS[0], site, "{").status == 400
    assert send("GET", PATHS[0], {"Origin": "x" * 5000}).status == 403
    assert send("DELETE", PATHS[0]).status == 405
    assert send("POST", PATHS[0], site, '{"email": "a@example.com"}').status == 202
    logged, counted = refused_requests(capsys)
    shown = [(line["level"], line["form"], line.get("origin"), line["status"]) for line in logged]
    assert shown == [
        ("WARNING", "footer", "https://www.example.com", 422),
        ("WARNING", "footer", "https://www.example.com", 400),
        ("WARNING", "footer", None, 405),
    ], "a refused origin has its own line"
    assert logged[0]["wrong_fields"] == ["email", "prenom"]
    assert {line["account"] for line in counted} == {"paris"}
    assert sum(line["form_requests_refused"] for line in counted) == 4


@pytest.mark.parametrize(
    "name", ["foter", "x" * 2000, "a%0A%7B%22level%22%3A%22x%22%7D", "zoe%40example.com", "%252561"]
)
def test_a_form_that_does_not_exist_is_logged_in_one_short_line_and_is_no_dimension(
    send: Send, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused_requests(capsys)
    headers = {"Origin": "https://zoe@example.com/", "Content-Type": "application/json"}
    assert send("POST", f"/forms/{name}/signup", headers, "{}").status == 404
    logged, counted = refused_requests(capsys)
    (line,) = logged
    assert (line["status"], line["origin"]) == (404, "malformed")
    assert len(line["form"]) <= 63 and line["form"].isprintable() and "zoe@" not in json.dumps(line)
    assert line["form"] == name or name != "foter"
    (metric,) = counted
    assert metric == {"stage": "local", "form_requests_refused": 1}


@pytest.mark.parametrize("form", ["footer", "closed", "open"])
def test_relais_own_origin_is_always_listed(open_send: Send, form: str) -> None:
    headers = {"Origin": PUBLIC_URL, "Content-Type": "application/json"}
    answer = open_send("POST", f"/forms/{form}/signup", headers, '{"email": "a@example.com"}')
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (202, PUBLIC_URL)


def test_without_a_public_url_no_origin_is_relais_own(send: Send) -> None:
    assert send("POST", "/forms/closed/signup", {"Origin": PUBLIC_URL}, "{}").status == 403


@pytest.mark.parametrize(
    "asked",
    [
        "content-type",
        "content-type,idempotency-key",
        "authorization, x-requested-with, sentry-trace, baggage",
        "X-Custom",
        "traceparent",
        ", ".join(f"x-header-{number}" for number in range(50)),
    ],
)
def test_a_preflight_allows_whatever_headers_it_asks_for(send: Send, asked: str) -> None:
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
    answer = send("OPTIONS", PATHS[0], headers)
    assert answer.status == 204
    assert answer.headers["access-control-allow-headers"].replace(" ", "") == asked.replace(" ", "")
    assert {part.strip() for part in answer.headers["vary"].split(",")} == {"Origin", "Access-Control-Request-Headers"}


@pytest.mark.parametrize("asked", [None, "", "a b", "x: y", "é", "<b>", "a" * 10_000, "*"])
def test_a_preflight_without_readable_headers_allows_the_usual_ones(send: Send, asked: str | None) -> None:
    headers = {"Origin": LISTED} | ({} if asked is None else {"Access-Control-Request-Headers": asked})
    answer = send("OPTIONS", PATHS[0], headers)
    assert answer.headers["access-control-allow-headers"] == "content-type, idempotency-key"


def test_an_ignored_field_that_resembles_a_mapped_one_is_logged_once(
    send: Send, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert send("POST", PATHS[0], {"Content-Type": "application/json"}, FIELDS_MISNAMED).status == 202
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [line for line in lines if line.get("message") == "form field ignored"]
    assert [(line["form"], line["sent"], line["mapped"]) for line in logged] == [("footer", "Prénom", "prenom")]
