"""Which view handles a request, and with which parameters, given the resource that API Gateway chose."""

from __future__ import annotations

import json

import pytest

from chalicelib.web.gateway import Gateway
from chalicelib.web.http_messages import Request, Response
from chalicelib.web.problems import not_found
from local.http.gateway import Resources
from tests.support.http import Answer, ask, gateway_event


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    made = Gateway("test")

    @made.route("/a/{x}/b")
    def first(request: Request, **params: str) -> Response:
        return Response(200, json.dumps(["/a/{x}/b", params, request.method]))

    @made.route("/a/{x}/{y}", methods=["POST"])
    def second(request: Request, **params: str) -> Response:
        return Response(200, json.dumps(["/a/{x}/{y}", params, request.method]))

    @made.route("/a", methods=["GET", "POST"])
    def third(request: Request, **params: str) -> Response:
        return Response(200, json.dumps(["/a", params, request.method]))

    @made.other_methods("/", "/{proxy+}")
    def fallback(request: Request) -> Response:
        raise not_found()

    made.complete()
    return made


def send(gateway: Gateway, method: str, path: str) -> Answer:
    return ask(gateway, gateway_event(method, path, gateway=gateway))


@pytest.mark.parametrize(
    ("method", "path", "pattern", "params"),
    [
        ("GET", "/a", "/a", {}),
        ("POST", "/a", "/a", {}),
        ("GET", "/a/1/b", "/a/{x}/b", {"x": "1"}),
        ("POST", "/a/1/c", "/a/{x}/{y}", {"x": "1", "y": "c"}),
        ("GET", "/%61/caf%C3%A9/b", "/a/{x}/b", {"x": "café"}),
        ("GET", "/a/%2F/b", "/a/{x}/b", {"x": "/"}),
        ("GET", "/a/%2561/b", "/a/{x}/b", {"x": "%61"}),
        ("GET", "/a/%zz/b", "/a/{x}/b", {"x": "%zz"}),
        ("GET", "/a/1+2/b", "/a/{x}/b", {"x": "1+2"}),
    ],
)
def test_paths_are_split_first_and_decoded_once(
    gateway: Gateway, method: str, path: str, pattern: str, params: dict[str, str]
) -> None:
    assert send(gateway, method, path).json == [pattern, params, method]


@pytest.mark.parametrize("path", ["/", "/b", "/a/", "/a//b", "//a", "//", "/a/1/b/", "/a%2F1%2Fb", "/a/%FF/b", "/a/1"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_other_paths_have_no_route(gateway: Gateway, method: str, path: str) -> None:
    assert send(gateway, method, path).status == 404


def test_head_is_handled_as_get_and_options_names_the_methods(gateway: Gateway) -> None:
    assert (send(gateway, "HEAD", "/a/1/b").status, send(gateway, "HEAD", "/a/1/b").body) == (200, "")
    assert send(gateway, "OPTIONS", "/a/1/b").headers["allow"] == "GET, HEAD, OPTIONS"
    assert send(gateway, "OPTIONS", "/a/1/2").headers["allow"] == "OPTIONS, POST"
    assert send(gateway, "OPTIONS", "/a").headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_an_unknown_method_is_405(gateway: Gateway, method: str) -> None:
    answer = send(gateway, method, "/a/1/2")
    assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")


GET, ANY = frozenset({"GET"}), frozenset({"X-AMAZON-APIGATEWAY-ANY-METHOD"})


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/a/b", ("/a/b", {})),
        ("GET", "/a/c", ("/a/{x}", {"x": "c"})),
        ("GET", "/a/%62%2F", ("/a/{x}", {"x": "%62%2F"})),
        ("POST", "/a/b", ("/{proxy+}", {"proxy": "a/b"})),
        ("GET", "/a/b/", ("/{proxy+}", {"proxy": "a/b/"})),
        ("GET", "/a/", ("/{proxy+}", {"proxy": "a/"})),
        ("GET", "//", ("/{proxy+}", {"proxy": "/"})),
        ("GET", "/%2F", ("/{proxy+}", {"proxy": "%2F"})),
        ("GET", "/", ("/", {})),
        ("POST", "/", None),
        ("GET", "", None),
        ("GET", "a", None),
    ],
)
def test_a_resource_is_chosen_by_path_and_method(method: str, path: str, found: object) -> None:
    resources = Resources({"/{proxy+}": ANY, "/a/{x}": GET, "/": GET, "/a/b": GET})
    assert resources.find(method, path) == found
