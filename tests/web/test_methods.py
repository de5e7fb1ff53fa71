"""Methods that nobody expects: 405 with `Allow` for every known path, 404 for any other."""

from __future__ import annotations

import pytest

from tests.web.surroundings import Send, World

UNKNOWN = ["BREW", "PROPFIND", "TRACE", "CONNECT", "SEARCH", "get", "M-SEARCH", "QUERY", "X!#$%&'*+.^_`|~"]
ALLOWED = {
    "/healthz": "GET, HEAD, OPTIONS",
    "/events": "GET, HEAD, OPTIONS, POST",
    "/events/1": "GET, HEAD, OPTIONS",
    "/forms/footer/signup": "OPTIONS, POST",
    "/forms/footer/unsubscribe": "OPTIONS, POST",
    "/stats/campaigns": "GET, HEAD, OPTIONS",
    "/stats/campaigns/paris/1": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("method", [*UNKNOWN, "DELETE", "PATCH", "PUT"])
@pytest.mark.parametrize("path", ALLOWED)
def test_hostile_case_16_an_unknown_method_of_a_known_path_is_405(
    send: Send, world: World, method: str, path: str
) -> None:
    answer = send(method, path, {"Content-Type": "application/json"}, "{}")
    assert (answer.status, answer.headers["allow"]) == (405, ALLOWED[path])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 405
    assert world.stored == []


@pytest.mark.parametrize("method", UNKNOWN)
@pytest.mark.parametrize("path", ["/", "/nowhere", "/forms", "/events/1/2"])
def test_an_unknown_method_of_an_unknown_path_is_404(send: Send, method: str, path: str) -> None:
    assert send(method, path).status == 404


def test_a_browser_gets_a_page(send: Send) -> None:
    answer = send("BREW", "/healthz", {"Accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (405, "text/html; charset=utf-8")
