from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from chalicelib.errors import ConfigurationError, Mistake
from chalicelib.web.gateway import Gateway, create_app
from chalicelib.web.messages import Request, Response
from tests.support.examples import examples
from tests.unit.web.surroundings import Send, ask, gateway_event

PROBLEM = "application/problem+json"


def recording() -> tuple[Gateway, list[Request]]:
    seen: list[Request] = []

    def handle(request: Request) -> Response:
        seen.append(request)
        return Response(200, "ok", {"content-type": "text/plain", "x-request-id": request.id})

    return create_app(handle), seen


def test_health(send: Send) -> None:
    answer = send("GET", "/healthz")
    assert (answer.status, answer.json, answer.headers["content-type"]) == (200, {"status": "ok"}, "application/json")
    assert (send("HEAD", "/healthz").status, send("HEAD", "/healthz").body) == (200, "")
    assert (send("POST", "/healthz").status, send("POST", "/healthz").headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/dashboard", "/stats", "/unsubscribe/token", "/openapi.json", "/%FF"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_404_for_what_is_not_there_in_every_method(send: Send, method: str, path: str) -> None:
    answer = send(method, path)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.body == "" if method == "HEAD" else answer.json["title"] == "Not Found"


def test_a_page_for_who_asks_for_html(send: Send) -> None:
    answer = send("GET", "/nothing", {"Accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_event_becomes_a_request() -> None:
    app, seen = recording()
    event = gateway_event("POST", "/a/b%20c", {"X-One": "1", "Accept": "*/*"}, "aGk=", base64=True)
    event["multiValueHeaders"] = {"X-One": ["1", "2"], "x-one": ["3"], "Accept": ["*/*"]}
    event["multiValueQueryStringParameters"] = {"q": ["1", "2"]}
    ask(app, event)
    assert seen == [
        Request(
            method="POST",
            path="/a/b%20c",
            headers={"x-one": "1, 2, 3", "accept": "*/*"},
            query={"q": "2"},
            body=b"hi",
            source_ip="203.0.113.9",
            id="gateway-request-1",
        )
    ]


def test_what_an_event_may_lack() -> None:
    app, seen = recording()
    event = gateway_event("GET", "/")
    event["requestContext"] = {"resourcePath": "/", "httpMethod": "GET"}
    event["multiValueHeaders"] = None
    event["headers"] = {"Accept": "text/html"}
    assert ask(app, event).status == 200
    assert seen == [Request("GET", "/", {"accept": "text/html"}, id="lambda-request-1")]
    app(event, None)
    assert len(seen[1].id) == 36


def test_a_custom_domains_base_path_is_not_part_of_the_path() -> None:
    app, seen = recording()
    ask(app, gateway_event("GET", "/healthz") | {"path": "/base/healthz"})
    assert seen[0].path == "/healthz"


@pytest.mark.parametrize(
    "event", [{}, None, [], {"requestContext": {}}, {"requestContext": {"resourcePath": "/", "httpMethod": "GET"}}]
)
def test_what_is_no_gateway_event_still_gets_an_answer(event: Any, capsys: pytest.CaptureFixture[str]) -> None:
    app, seen = recording()
    answer = ask(app, event)
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.headers["x-request-id"]
    assert seen == []
    assert '"ERROR"' in capsys.readouterr().out


def test_a_path_that_no_route_has_is_404_and_leaves_no_trace() -> None:
    app, _ = recording()
    event = gateway_event("GET", "/x")
    event["requestContext"]["resourcePath"] = "/x"
    answer = ask(app, event)
    assert (answer.status, answer.headers["x-request-id"]) == (404, "gateway-request-1")
    assert set(app.routes) == {"/", "/{proxy+}"}


def test_a_method_that_no_route_has_is_405() -> None:
    app, seen = recording()
    answer = ask(app, gateway_event("TRACE", "/healthz"))
    assert (answer.status, answer.headers["content-type"]) == (405, PROBLEM)
    assert "POST" in answer.headers["allow"]
    assert seen == []


def test_a_configuration_that_cannot_be_used_is_500_without_details(capsys: pytest.CaptureFixture[str]) -> None:
    def handle(request: Request) -> Response:
        raise ConfigurationError([Mistake("accounts.paris.provider", "must be one of …")])

    answer = ask(create_app(handle), gateway_event("GET", "/healthz"))
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)
    assert (answer.headers["x-request-id"], "paris" in answer.body) == ("gateway-request-1", False)
    assert "accounts.paris.provider" in capsys.readouterr().out


def test_a_header_that_chalice_refuses_is_500_in_our_words() -> None:
    answer = ask(
        create_app(lambda request: Response(200, "x", {"x-a": "b\nc", "x-request-id": request.id})),
        gateway_event("GET", "/x"),
    )
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)


def test_nothing_is_handled_before_the_first_request() -> None:
    def handle(request: Request) -> Response:
        raise AssertionError("called too early")

    app = create_app(handle)
    assert set(app.routes["/{proxy+}"]) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
    assert set(app.api.binary_types) == {"multipart/form-data", "application/octet-stream"}


def test_threads_do_not_see_each_others_requests() -> None:
    app = create_app(lambda request: Response(200, request.path, {"x-request-id": request.id}))

    def path_of(number: int) -> str:
        return str(app(gateway_event("GET", f"/{number}"), SimpleNamespace())["body"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(path_of, range(400))) == [f"/{number}" for number in range(400)]


headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Origin", "Accept", "Idempotency-Key", "Authorization", "Referer"]),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=xyz",
                     "https://www.example.com", "text/html", "null"]) | st.text(max_size=30),
)  # fmt: skip
paths = st.sampled_from(["/forms/footer/signup", "/forms/footer/unsubscribe", "/events/a", "/healthz"]) | st.text(
    max_size=30
).map(lambda text: "/" + text)
contents = (
    st.none() | st.text(max_size=200) | st.dictionaries(st.text(max_size=8), st.text(max_size=20)).map(json.dumps)
)


@hypothesis_settings(
    deadline=None, max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT"]), paths, headers, contents, st.booleans())
@pytest.mark.no_cover
def test_no_request_is_answered_with_500(
    app: Gateway, method: str, path: str, given_headers: dict[str, str], body: str | None, base64: bool
) -> None:
    answer = app(gateway_event(method, path, given_headers, body, base64=base64), None)
    assert answer["statusCode"] < 500
    assert answer["headers"]["x-request-id"] == "gateway-request-1"
