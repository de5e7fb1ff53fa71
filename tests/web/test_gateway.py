"""API Gateway events become requests, and whatever a view does becomes an answer."""

from __future__ import annotations

import importlib.util
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

import app as app_module
from chalicelib import __version__
from chalicelib.config.model import Organisation
from chalicelib.domain.errors import ConfigurationError, FieldError
from chalicelib.web.gateway import METHODS, Gateway
from chalicelib.web.http_messages import Request, Response
from tests.support.examples import examples
from tests.support.http import ask, gateway_event, routes_over
from tests.support.stack import ROOT
from tests.web.surroundings import Send, World, make_app, make_settings

PROBLEM = "application/problem+json"


def recording() -> tuple[Gateway, list[tuple[Request, dict[str, str]]]]:
    """A gateway with one view for `/a/{name}` and all else, and its recorded calls."""
    seen: list[tuple[Request, dict[str, str]]] = []
    gateway = Gateway("test")

    @gateway.route("/a/{name}", methods=METHODS)
    @gateway.route("/", methods=METHODS)
    @gateway.route("/{proxy+}", methods=METHODS)
    def view(request: Request, **parameters: str) -> Response:
        seen.append((request, parameters))
        return Response(200, "ok", {"content-type": "text/plain"})

    gateway.complete()
    return gateway, seen


def test_healthz_answers(send: Send) -> None:
    answer = send("GET", "/healthz")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"status": "ok", "version": __version__}
    assert (send("HEAD", "/healthz").status, send("HEAD", "/healthz").body) == (200, "")
    assert (send("POST", "/healthz").status, send("POST", "/healthz").headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/dashboards", "/stats", "/unsubscribe/token", "/openapi.yaml", "/%FF"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_404_for_unknown_paths_in_every_method(send: Send, method: str, path: str) -> None:
    answer = send(method, path)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.body == "" if method == "HEAD" else answer.json["title"] == "Not Found"


def test_html_requests_get_a_page(send: Send) -> None:
    answer = send("GET", "/nothing", {"Accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_event_becomes_a_request() -> None:
    gateway, seen = recording()
    event = gateway_event("POST", "/a/b%20c", {"X-One": "1", "Accept": "*/*"}, "aGk=", base64=True, gateway=gateway)
    event["multiValueHeaders"] = {"X-One": ["1", "2"], "x-one": ["3"], "Accept": ["*/*"]}
    event["multiValueQueryStringParameters"] = {"q": ["1", "2"]}
    ask(gateway, event)
    assert seen == [
        (
            Request(
                method="POST",
                headers={"x-one": "1, 2, 3", "accept": "*/*"},
                query={"q": "2"},
                encoded_body="aGk=",
                is_base64=True,
                source_ip="203.0.113.9",
                id="gateway-request-1",
                domain="abcdefghij.execute-api.eu-west-3.amazonaws.com",
                base_path="/api",
            ),
            {"name": "b c"},
        )
    ]
    assert seen[0][0].content() == b"hi"


def test_optional_parts_of_an_event_can_be_missing() -> None:
    gateway, seen = recording()
    event = gateway_event("GET", "/", gateway=gateway)
    event["requestContext"] = {"resourcePath": "/", "httpMethod": "GET"}
    event["multiValueHeaders"] = None
    event["headers"] = {"Accept": "text/html"}
    assert ask(gateway, event).status == 200
    assert seen == [(Request("GET", {"accept": "text/html"}, id="lambda-request-1"), {})]
    gateway(event, None)
    assert len(seen[1][0].id) == 36


def test_an_unmatched_path_stays_encoded() -> None:
    gateway, seen = recording()
    ask(gateway, gateway_event("GET", "/b%2Fc/%C3%A9/", gateway=gateway))
    assert (seen[0][0].unmatched_path, seen[0][1]) == ("b%2Fc/%C3%A9/", {})


def test_the_base_path_of_a_custom_domain_is_removed(send: Send) -> None:
    gateway, seen = recording()
    for path in ("/a/b", "/c"):
        ask(gateway, gateway_event("GET", path, gateway=gateway) | {"path": f"/base{path}"})
    assert [(request.unmatched_path, parameters) for request, parameters in seen] == [("", {"name": "b"}), ("c", {})]


@pytest.mark.parametrize(
    "event", [{}, None, [], {"requestContext": {}}, {"requestContext": {"resourcePath": "/", "httpMethod": "GET"}}]
)
def test_a_malformed_gateway_event_reaches_no_view(event: Any) -> None:
    """API Gateway sends no such event; a manual invocation fails like any other."""
    gateway, seen = recording()
    try:
        answer = gateway(event, None)
    except Exception as error:
        answer = {"statusCode": 500, "body": str(error)}
    assert answer["statusCode"] == 500
    assert seen == []


@pytest.mark.parametrize("form", ["footer", "a.b-c_d", "signup", "forms"])
def test_a_forms_own_path_is_routed_as_that_of_all_forms(form: str) -> None:
    """API Gateway has paths of their own for forms, since it throttles by path. They have no parameter."""
    gateway, seen = Gateway("test"), list[tuple[str, str, str]]()

    @gateway.route("/forms/{form}")
    def page(request: Request, form: str) -> Response:
        seen.append(("page", form, request.base_path))
        return Response(200, "ok")

    @gateway.route("/forms/{form}/signup", methods=["POST"])
    def signup(request: Request, form: str) -> Response:
        seen.append(("signup", form, request.base_path))
        return Response(202, "ok")

    for method, path, status in (("GET", f"/forms/{form}", 200), ("POST", f"/forms/{form}/signup", 202)):
        event = gateway_event(method, path, gateway=gateway)
        event["requestContext"]["resourcePath"] = event["resource"] = path
        event["pathParameters"] = None
        assert ask(gateway, event).status == status
    assert seen == [("page", form, "/api"), ("signup", form, "/api")]


@pytest.mark.parametrize("path", ["/forms/gone/signup", "/forms/gone", "/forms/footer/later", "/later/footer/signup"])
def test_the_own_path_of_what_the_code_does_not_know_is_404(send: Send, path: str) -> None:
    """Such as a form that is no longer configured while the API is not replaced yet, or a path of a later version."""
    event = gateway_event("POST" if path.endswith("signup") else "GET", path)
    event["requestContext"]["resourcePath"] = event["resource"] = path
    event["pathParameters"] = None
    answer = ask(app_module.app, event)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_that_only_the_api_knows_is_404_and_leaves_no_trace(method: str) -> None:
    """API and function are not deployed at the same moment."""
    event = gateway_event(method, "/x")
    event["requestContext"]["resourcePath"] = "/x/{y}"
    event["pathParameters"] = {"y": "unsubscribe/x"}
    before = set(routes_over(None).routes)
    answer = ask(routes_over(None), event)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.headers["x-request-id"] == "gateway-request-1"
    assert set(routes_over(None).routes) == before


def test_a_wrong_configuration_is_500_without_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def container() -> Any:
        raise ConfigurationError([FieldError("accounts.paris.provider", "must be one of …")])

    monkeypatch.setattr("app.container", container)
    for method, path in (("GET", "/healthz"), ("POST", "/forms/footer/signup"), ("GET", "/unsubscribe/x")):
        answer = ask(app_module.app, gateway_event(method, path))
        assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)
        assert (answer.headers["x-request-id"], "paris" in answer.body) == ("gateway-request-1", False)
        assert "accounts.paris.provider" in capsys.readouterr().out
        page = ask(app_module.app, gateway_event(method, path, {"Accept": "text/html", "Accept-Language": "en"}))
        assert page.status == 500
        assert "<h1>Something went wrong</h1>" in page.body and "paris" not in page.body
        assert capsys.readouterr().out.count("accounts.paris.provider") == 1


def test_the_page_of_an_error_bears_the_organisations_name(world: World) -> None:
    app = make_app(world, replace(make_settings(), organisation=Organisation("Les Amis")))
    for method, path in (("GET", "/nothing"), ("PUT", "/healthz"), ("GET", "/events/a")):
        answer = ask(app, gateway_event(method, path, {"Accept": "text/html"}))
        assert answer.headers["content-type"].startswith("text/html")
        assert " – Les Amis</title>" in answer.body


def test_an_exception_in_a_view_is_logged_once_and_not_disclosed(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway("test")

    @gateway.route("/a/{token}")
    def view(request: Request, token: str) -> Response:
        request.answer_headers["x-from-view"] = "yes"
        raise RuntimeError("what happened")

    answer = ask(gateway, gateway_event("GET", "/a/secret-token", gateway=gateway))
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)
    assert (answer.headers["x-request-id"], answer.headers["x-from-view"]) == ("gateway-request-1", "yes")
    assert "what happened" not in answer.body
    said = "".join(capsys.readouterr())
    assert said.count("RuntimeError: what happened") == 1
    assert "secret-token" not in said
    assert "/a/{token}" not in said, "Chalice says that"


def test_a_header_rejected_by_chalice_is_a_problem_with_500() -> None:
    gateway = Gateway("test")

    @gateway.route("/x")
    def view(request: Request) -> Response:
        return Response(200, "x", {"x-a": "b\nc"})

    answer = ask(gateway, gateway_event("GET", "/x", gateway=gateway))
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)


def test_views_are_loaded_by_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing `app` reads no configuration, and declares all that API Gateway needs to know."""
    monkeypatch.setattr("chalicelib.container.container", lambda: pytest.fail("called too early"))
    spec = importlib.util.spec_from_file_location("app_again", ROOT / "app.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "app_again", made)
    spec.loader.exec_module(made)
    assert set(made.app.routes["/{proxy+}"]) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
    binary = {"multipart/form-data", "application/octet-stream", "application/x-www-form-urlencoded"}
    assert set(made.app.api.binary_types) == binary


def test_threads_do_not_see_each_others_requests() -> None:
    gateway = Gateway("test")

    @gateway.route("/{number}")
    def view(request: Request, number: str) -> Response:
        return Response(200, f"{number} {request.query['n']}")

    meeting = Barrier(2)

    class Parameters(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            meeting.wait(10)  # Chalice has both requests by now, and has called no view
            return super().__getitem__(name)

    def answered(number: int) -> str:
        event = gateway_event("GET", f"/{number}?n={number}", gateway=gateway)
        return str(gateway(event | {"pathParameters": Parameters(number=str(number))}, SimpleNamespace())["body"])

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(answered, range(2))) == ["0 0", "1 1"]


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


@pytest.mark.seconds
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
