from __future__ import annotations

import pytest

from chalicelib.web.messages import Request, Response
from chalicelib.web.problems import HttpProblem
from chalicelib.web.router import Params, Route, Router


def show(request: Request, params: Params) -> Response:
    return Response(200, request.method)


ROUTES = [Route("/a/{x}/b", {"GET": show}), Route("/a/{x}/{y}", {"POST": show}), Route("/a", {"GET": show})]


@pytest.mark.parametrize(
    ("path", "pattern", "params"),
    [
        ("/a", "/a", {}),
        ("/a/1/b", "/a/{x}/b", {"x": "1"}),
        ("/a/1/c", "/a/{x}/{y}", {"x": "1", "y": "c"}),
        ("/%61/caf%C3%A9/b", "/a/{x}/b", {"x": "café"}),
        ("/a/%2F/b", "/a/{x}/b", {"x": "/"}),
        ("/a/%2561/b", "/a/{x}/b", {"x": "%61"}),
        ("/a/%zz/b", "/a/{x}/b", {"x": "%zz"}),
        ("/a/1+2/b", "/a/{x}/b", {"x": "1+2"}),
    ],
)
def test_paths_are_split_first_and_decoded_once(path: str, pattern: str, params: dict[str, str]) -> None:
    found = Router(ROUTES).find(path)
    assert found is not None
    assert (found[0].pattern, found[1]) == (pattern, params)


@pytest.mark.parametrize("path", ["", "/", "a", "/b", "/a/", "/a//b", "//a", "/a/1/b/", "/a%2F1%2Fb", "/a/%FF/b"])
def test_other_paths_have_no_route(path: str) -> None:
    assert Router(ROUTES).find(path) is None


def test_head_is_get_and_options_names_the_methods() -> None:
    assert ROUTES[0].answer(Request("HEAD", "/a/1/b"), {}).body == "HEAD"
    assert ROUTES[0].answer(Request("OPTIONS", "/a/1/b"), {}).headers == {"allow": "GET, HEAD, OPTIONS"}
    assert ROUTES[1].allowed() == "OPTIONS, POST"


@pytest.mark.parametrize("method", ["GET", "HEAD", "TRACE", ""])
def test_an_unknown_method_is_405(method: str) -> None:
    with pytest.raises(HttpProblem) as caught:
        ROUTES[1].answer(Request(method, "/a/1/2"), {})
    assert (caught.value.status, caught.value.headers) == (405, {"allow": "OPTIONS, POST"})
