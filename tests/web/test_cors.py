"""CORS of forms: which origins may post and read the answer."""

from __future__ import annotations

import pytest

from tests.web.surroundings import Send, World

BODY = '{"email": "a@example.com"}'
LISTED = "https://www.example.com"
PATHS = ["/forms/footer/signup", "/forms/footer/unsubscribe"]


def headers(origin: str | None) -> dict[str, str]:
    return {"Content-Type": "application/json"} | ({} if origin is None else {"Origin": origin})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [LISTED, "https://shop.example.com"])
def test_a_listed_origin_may_post_and_read_the_answer(send: Send, path: str, origin: str) -> None:
    answer = send("POST", path, headers(origin), BODY)
    assert answer.status == 202
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    ["null", "", "*", "http://www.example.com", "https://www.example.com:8443", "https://www.example.com.evil.example",
     "https://www.example.com/", "https://www.example.com, https://evil.example"],
)  # fmt: skip
def test_any_other_origin_is_403_and_stores_nothing(send: Send, world: World, path: str, origin: str) -> None:
    for method, body in (("POST", BODY), ("OPTIONS", None), ("GET", None)):
        answer = send(method, path, headers(origin), body)
        assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"
    assert world.stored == []


def test_a_request_without_origin_is_accepted(send: Send) -> None:
    answer = send("POST", PATHS[0], headers(None), BODY)
    assert (answer.status, answer.headers["vary"]) == (202, "Origin")
    assert "access-control-allow-origin" not in answer.headers


def test_a_form_without_origins_rejects_other_sites(send: Send) -> None:
    assert send("POST", "/forms/closed/signup", headers(LISTED), BODY).status == 403
    assert send("OPTIONS", "/forms/closed/signup", headers(LISTED)).status == 403
    assert send("POST", "/forms/closed/signup", headers(None), BODY).status == 202


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_is_answered(send: Send, world: World, path: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = send("OPTIONS", path, {"Origin": LISTED} | asked)
    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert world.stored == []


def test_options_without_an_origin_names_the_methods(send: Send) -> None:
    assert send("OPTIONS", PATHS[0]).headers["allow"] == "OPTIONS, POST"
    assert send("OPTIONS", "/healthz").headers["allow"] == "GET, HEAD, OPTIONS"
    assert send("OPTIONS", "/forms/nowhere/signup", {"Origin": LISTED}).status == 404


@pytest.mark.parametrize(("method", "body", "status"), [("POST", "{", 400), ("POST", "{}", 422), ("PUT", "{}", 405)])
def test_errors_can_be_read_by_a_listed_origin(send: Send, method: str, body: str, status: int) -> None:
    answer = send(method, PATHS[0], headers(LISTED), body)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, LISTED)


def test_two_origin_headers_are_rejected(send: Send) -> None:
    assert send("POST", PATHS[0], headers(LISTED) | {"origin": "https://evil.example"}, BODY).status == 403
