"""HTTP in front of a function: real-shaped events, faithful answers, limits of sizes and rates."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import template, throttles
from local.http import gateway as gateway_module
from local.http.gateway import MAX_BODY_BYTES, Gateway, Throttles
from local.http.proxy import HttpAnswer, HttpRequest
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.template_reader import Throttle, describe
from tests.local.recorder import METHODS, Recorder
from tests.support.stack import ROOT

pytestmark = pytest.mark.server
OWN_ANSWERS = {
    "DEFAULT_5XX": {
        "statusCode": "503",
        "responseParameters": {
            "gatewayresponse.header.Content-Type": "'application/problem+json'",
            "gatewayresponse.header.x-request-id": "context.requestId",
        },
        "responseTemplates": {"application/json": '{"detail": $context.error.messageString}'},
    }
}


def shape(value: Any) -> Any:
    return {name: shape(member) for name, member in value.items()} if isinstance(value, dict) else None


def test_a_form_post_becomes_the_event_of_api_gateway(recorder: Recorder) -> None:
    sample = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    sent = {name: value for name, value in sample["headers"].items() if not name.startswith("X-Forwarded")}
    recorder.send(sample["httpMethod"], sample["path"], sample["body"], **sent)
    assert shape(recorder.event) == shape(sample)
    mine = {"requestContext", "headers", "multiValueHeaders"}
    assert {k: v for k, v in recorder.event.items() if k not in mine} == {
        k: v for k, v in sample.items() if k not in mine
    }
    for name in (
        "resourcePath",
        "httpMethod",
        "stage",
        "protocol",
        "requestTime",
        "requestTimeEpoch",
        "accountId",
    ):
        assert recorder.event["requestContext"][name] == sample["requestContext"][name]
    # As behind a custom domain: here no address begins with the stage.
    assert recorder.event["requestContext"]["path"] == recorder.event["path"]
    assert recorder.event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert recorder.event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    for name, value in sent.items():
        assert recorder.event["multiValueHeaders"][name] == [value]


def test_paths_stay_encoded_and_queries_are_decoded(recorder: Recorder) -> None:
    recorder.send("GET", "/events/a%2Fb%20c?x=1&x=2&y=%C3%A9&empty=&z")
    assert recorder.event["path"] == "/events/a%2Fb%20c"
    assert recorder.event["resource"] == recorder.event["requestContext"]["resourcePath"] == "/events/{id}"
    assert recorder.event["pathParameters"] == {"id": "a%2Fb%20c"}
    assert recorder.event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["é"], "empty": [""], "z": [""]}
    assert recorder.event["queryStringParameters"] == {"x": "2", "y": "é", "empty": "", "z": ""}
    assert recorder.event["body"] is None


def test_a_known_path_without_that_method_falls_through_as_in_api_gateway(recorder: Recorder) -> None:
    for method, target, resource, parameters in (
        ("POST", "/events?x=1", "/events", None),
        ("GET", "/events?x=1", "/{proxy+}", {"proxy": "events"}),
        ("PUT", "/forms/footer/signup", "/{proxy+}", {"proxy": "forms/footer/signup"}),
        ("POST", "/forms/footer/signup/", "/{proxy+}", {"proxy": "forms/footer/signup/"}),
        ("POST", "/forms//signup", "/{proxy+}", {"proxy": "forms//signup"}),
        ("POST", "/events/a%2Fb/c", "/{proxy+}", {"proxy": "events/a%2Fb/c"}),
    ):
        recorder.send(method, target)
        assert (recorder.event["resource"], recorder.event["pathParameters"]) == (resource, parameters)
        assert recorder.event["requestContext"]["resourcePath"] == resource


def test_the_root_is_a_resource_of_its_own(recorder: Recorder) -> None:
    recorder.send("GET", "/")
    assert (recorder.event["resource"], recorder.event["pathParameters"]) == ("/", None)


def test_repeated_headers_are_listed_and_the_last_value_is_the_single_one(recorder: Recorder) -> None:
    recorder.raw(
        b"GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\nA: 1\r\nA: 2\r\nConnection: close\r\n\r\n"
    )
    assert recorder.event["multiValueHeaders"]["A"] == ["1", "2"]
    assert recorder.event["headers"]["A"] == "2"
    assert recorder.event["headers"]["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert "Connection" not in recorder.event["headers"]


def test_binary_bodies_are_base64_and_others_are_text(recorder: Recorder) -> None:
    recorder.send("POST", "/x", b"\x00\xff--", Content_Type="multipart/form-data; boundary=x")
    assert recorder.event["isBase64Encoded"] is True
    assert base64.b64decode(recorder.event["body"]) == b"\x00\xff--"
    recorder.send("POST", "/x", '{"é": 1}'.encode(), Content_Type="application/json")
    assert (recorder.event["body"], recorder.event["isBase64Encoded"]) == ('{"é": 1}', False)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_of_the_api_reaches_the_function(recorder: Recorder, method: str) -> None:
    recorder.answer = lambda event: {"statusCode": 200, "body": "said"}
    answer = recorder.send(method, "/x")
    assert recorder.event["httpMethod"] == method
    assert answer.getheader("Content-Length") == "4"
    assert answer.text == ("" if method == "HEAD" else "said")


def test_other_methods_get_the_gateway_answer(recorder: Recorder) -> None:
    answer = recorder.send("BREW", "/x")
    assert (answer.status, recorder.events) == (403, [])


def test_answers_are_translated_back(recorder: Recorder) -> None:
    recorder.answer = lambda event: {
        "statusCode": 303,
        "headers": {"Location": "/there", "X-Number": 7, "Set-Cookie": "lost", "WWW-Authenticate": "Bearer"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\x00\x01").decode(),
        "isBase64Encoded": True,
    }
    raw = recorder.raw(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 303 ")
    assert body == b"\x00\x01"
    assert head.count(b"Set-Cookie: ") == 2
    assert b"lost" not in head
    assert b"X-Number: 7" in head
    assert b"x-amzn-Remapped-WWW-Authenticate: Bearer" in head


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {},
        {"statusCode": "x"},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_an_invalid_answer_is_a_bad_gateway(recorder: Recorder, result: Any) -> None:
    recorder.answer = lambda event: result
    answer = recorder.send("GET", "/x")
    assert (answer.status, answer.text) == (502, '{"message": "Internal server error"}')


def test_a_failing_function_gives_the_bad_gateway_answer_of_the_template() -> None:
    def fail(event: Any) -> Any:
        raise FunctionFailed({"errorType": "ValueError", "errorMessage": "secret"})

    recorder = Recorder(OWN_ANSWERS)
    recorder.answer = fail
    answer = recorder.send("GET", "/x")
    recorder.stop()
    assert answer.status == 503
    assert answer.getheader("Content-Type") == "application/problem+json"
    assert len(answer.getheader("x-request-id") or "") == 36
    assert answer.text == '{"detail": "Internal server error"}'


PAGES = {
    kind: {
        "statusCode": status,
        "responseTemplates": {"application/problem+json": "{}", "application/json": "{}", "text/html": "<p>"},
    }
    for kind, status in {"DEFAULT_4XX": "400", "DEFAULT_5XX": "503", "MISSING_AUTHENTICATION_TOKEN": "405"}.items()
}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/html", "text/html"),
        ("application/json;q=0.5, text/html;q=0.6", "text/html"),
        ("text/html;q=0.5, application/problem+json", "application/problem+json"),
        ("application/json", "application/json"),
        ("*/*", "application/problem+json"),
        ("", "application/problem+json"),
        ("image/png", "application/problem+json"),
    ],
)
def test_hostile_case_16_a_browser_gets_a_page_of_the_gateway_too(accept: str, content_type: str) -> None:
    def fail(event: Any) -> Any:
        raise FunctionFailed({"errorType": "ValueError", "errorMessage": "secret"})

    recorder = Recorder(PAGES)
    recorder.answer = fail
    large = str(MAX_BODY_BYTES + 1)
    answers = [
        recorder.send("GET", "/x", Accept=accept),
        recorder.send("BREW", "/x", Accept=accept),
        recorder.send("POST", "/events", b"x" * 100, Accept=accept, Content_Length=large),
    ]
    recorder.stop()
    assert [answer.status for answer in answers] == [503, 405, 400]
    for answer in answers:
        assert answer.getheader("Content-Type") == content_type
        assert answer.text == ("<p>" if content_type == "text/html" else "{}")


def test_a_slow_function_is_a_gateway_timeout(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(event: Any) -> Any:
        raise NoEnvironment("none")

    recorder.answer = none
    assert recorder.send("GET", "/x").status == 502
    monkeypatch.setattr(gateway_module, "_TIMEOUT_SECONDS", 0.0)
    assert recorder.send("GET", "/x").status == 504


def test_a_body_over_ten_megabytes_is_rejected_with_a_readable_answer(recorder: Recorder) -> None:
    answer = recorder.send("POST", "/x", b"x" * (10 * 1024 * 1024 + 1), Content_Type="text/plain")
    assert (answer.status, recorder.events) == (413, [])


def test_an_event_over_six_megabytes_is_rejected(recorder: Recorder) -> None:
    assert recorder.send("POST", "/x", b"x" * (6 * 1024 * 1024 + 1), Content_Type="text/plain").status == 413
    assert recorder.send("POST", "/x", b"x" * (5 * 1024 * 1024), Content_Type="text/plain").status == 200
    assert len(recorder.event["body"]) == 5 * 1024 * 1024


@pytest.mark.parametrize("value", ["https://例え.example/", "a\x00b", "a\x1bb", "a\r\nb: c", "a\x7fb"])
def test_a_header_that_http_has_no_characters_for_is_a_bad_gateway(recorder: Recorder, value: str) -> None:
    recorder.answer = lambda event: {"statusCode": 303, "headers": {"Location": value}}
    assert recorder.send("GET", "/x").status == 502


def test_above_its_rate_a_method_is_answered_as_api_gateway_does() -> None:
    """By the template's own answers: a problem for machines, a page for people, and when to come back."""
    built = template.build("local")
    throttles.apply(built, ["footer"])
    api = describe(built, "eu-west-3").api
    now, seen = datetime(2026, 3, 1, 9, 30, tzinfo=UTC), list[str]()

    def answer(event: Any, wait: float) -> Any:
        seen.append(event["httpMethod"] + event["path"])
        return {"statusCode": 202, "headers": {}, "body": ""}

    gateway = Gateway(api, answer, lambda: now, throttled=True)

    def send(path: str, method: str = "POST", accept: str = "*/*") -> HttpAnswer:
        return gateway.handle(HttpRequest(method, path, (("Accept", accept),), b"", "203.0.113.9"))

    statuses = [send("/forms/footer/signup").status for _ in range(120)]
    assert statuses == [202] * 100 + [429] * 20, "a burst of twice the rate"
    others = [send(f"/forms/other-{number}/signup").status for number in range(120)]
    assert others == [202] * 100 + [429] * 20, "forms without a path of their own share one"
    for path in ("/forms/footer/unsubscribe", "/events", "/unsubscribe/token", "/unsubscribe/token)"):
        assert send(path).status == 202, "each has its own"
    assert {send("/unsubscribe/token").status for _ in range(1000)} == {202}
    assert {send("/unsubscribe/token/&utm_source=x").status for _ in range(1000)} == {202}
    refused = send("/forms/footer/signup")
    headers = {name.lower(): value for name, value in refused.headers}
    assert json.loads(refused.body)["status"] == 429
    assert (headers["content-type"], headers["retry-after"]) == ("application/problem+json", "5")
    assert headers["x-request-id"]
    page = send("/forms/footer/signup", accept="text/html")
    assert (page.status, dict(page.headers)["Content-Type"]) == (429, "text/html")
    now += timedelta(seconds=1)
    assert [send("/forms/footer/signup").status for _ in range(60)] == [202] * 50 + [429] * 10
    assert seen.count("POST/forms/footer/signup") == 150, "what is refused reaches no function"


def test_a_bucket_fills_to_its_burst_and_not_beyond_it() -> None:
    buckets, now = Throttles({("GET", "/a"): Throttle(0.5, 2)}), datetime(2026, 3, 1, tzinfo=UTC)
    assert [buckets.admit("GET", "/a", now) for _ in range(3)] == [True, True, False]
    assert not buckets.admit("GET", "/a", now + timedelta(seconds=1))
    assert buckets.admit("GET", "/a", now + timedelta(seconds=2))
    assert not buckets.admit("GET", "/a", now - timedelta(hours=1)), "a clock that is set back gives nothing"
    later = now + timedelta(days=1)
    assert [buckets.admit("GET", "/a", later) for _ in range(3)] == [True, True, False]
    assert all(buckets.admit("POST", "/a", now) for _ in range(10))
