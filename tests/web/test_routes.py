"""Every path that `app.py` declares, and its answer to every method; all other paths are 404."""

from __future__ import annotations

import pytest

import app as app_module
from chalicelib.web.gateway import METHODS, Gateway
from tests.support.http import Answer, ask, gateway_event
from tests.web.surroundings import UNSUBSCRIBE_KEY, World, make_app, make_settings

READ, WRITE = "GET, HEAD, OPTIONS", "OPTIONS, POST"
# By path: a request's path, the methods, and the status of the first of them, asked without a body or a key.
ROUTES = {
    "/forms/{form}/signup": ("/forms/footer/signup", WRITE, 400),
    "/forms/{form}/unsubscribe": ("/forms/footer/unsubscribe", WRITE, 400),
    "/unsubscribe/{token}": ("/unsubscribe/{token}", "GET, HEAD, OPTIONS, POST", 200),
    "/events": ("/events", "GET, HEAD, OPTIONS, POST", 401),
    "/events/{id}": ("/events/a", READ, 401),
    "/stats/campaigns": ("/stats/campaigns", READ, 401),
    "/stats/campaigns/{account}/{campaign}": ("/stats/campaigns/paris/1", READ, 401),
    "/stats/forms": ("/stats/forms", READ, 401),
    "/dashboard/login": ("/dashboard/login", "GET, HEAD, OPTIONS, POST", 200),
    "/dashboard/logout": ("/dashboard/logout", WRITE, 303),
    "/dashboard": ("/dashboard", READ, 401),
    "/dashboard/forms/{form}": ("/dashboard/forms/footer", READ, 401),
    "/dashboard/events": ("/dashboard/events", READ, 401),
    "/dashboard/events/lookup": ("/dashboard/events/lookup", WRITE, 401),
    "/dashboard/events/resend": ("/dashboard/events/resend", "GET, HEAD, OPTIONS, POST", 401),
    "/dashboard/events/discard": ("/dashboard/events/discard", "GET, HEAD, OPTIONS, POST", 401),
    "/dashboard/events/{id}": ("/dashboard/events/a", READ, 401),
    "/dashboard/events/{id}/resend": ("/dashboard/events/a/resend", WRITE, 401),
    "/dashboard/events/{id}/discard": ("/dashboard/events/a/discard", WRITE, 401),
    "/dashboard/campaigns": ("/dashboard/campaigns", READ, 401),
    "/dashboard/campaigns/{account}/{campaign}": ("/dashboard/campaigns/paris/1", READ, 401),
    "/forms/{form}/challenge": ("/forms/footer/challenge", READ, 200),
    "/confirm/{token}": ("/confirm/x", "GET, HEAD, OPTIONS, POST", 404),
    "/forms/{form}": ("/forms/footer", READ, 200),
    "/healthz": ("/healthz", READ, 200),
    "/openapi.json": ("/openapi.json", READ, 200),
    "/docs": ("/docs", READ, 200),
}
FALLBACK = ("/", "/{proxy+}")
PROBLEM, PAGE = "application/problem+json", "text/html; charset=utf-8"
HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def app(world: World) -> Gateway:
    return make_app(world, make_settings(unsubscribe_keys=(UNSUBSCRIBE_KEY,)))


def answer(app: Gateway, world: World, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    token = world.links.url("anna@example.com").rpartition("/")[2]
    given = ask(app, gateway_event(method, path.format(token=token), headers))
    assert given.headers["x-request-id"] == "gateway-request-1"
    return given


def test_the_app_declares_these_paths_with_all_methods() -> None:
    assert set(app_module.app.routes) == {*ROUTES, *FALLBACK}
    assert {frozenset(methods) for methods in app_module.app.routes.values()} == {frozenset(METHODS)}


def expected(pattern: str, method: str, status: int, headers: dict[str, str]) -> int:
    """The status without a body and a key: a browser is led to the dashboard's login."""
    if (pattern, method) == ("/dashboard/login", "POST"):
        return 400
    return 303 if pattern.startswith("/dashboard") and status == 401 and headers else status


@pytest.mark.parametrize("pattern", ROUTES)
@pytest.mark.parametrize("headers", [{}, HTML])
def test_every_path_answers_every_method(app: Gateway, world: World, pattern: str, headers: dict[str, str]) -> None:
    path, allow, status = ROUTES[pattern]
    assert gateway_event("PUT", path)["resource"] == pattern
    known = allow.split(", ")
    for method in set(METHODS) - set(known):
        refused = answer(app, world, method, path, headers)
        assert (refused.status, refused.headers["allow"]) == (405, allow), method
        assert refused.headers["content-type"] == (PAGE if headers else PROBLEM)
    options = answer(app, world, "OPTIONS", path, headers)
    assert (options.status, options.headers["allow"], options.body) == (204, allow, "")
    for method in set(known) - {"OPTIONS"}:
        assert answer(app, world, method, path, headers).status == expected(pattern, method, status, headers), method
    if "HEAD" in known:
        assert answer(app, world, "HEAD", path, headers).body == ""


@pytest.mark.parametrize("pattern", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_longer_and_shorter_paths_are_404(app: Gateway, world: World, pattern: str, method: str) -> None:
    path = ROUTES[pattern][0]
    shorter = path.rpartition("/")[0]
    others = {path + "/", path + "/x", "/x" + path, "/" + path, shorter, shorter + "/"}
    others -= {known for known, _, _ in ROUTES.values()}
    if pattern in ("/unsubscribe/{token}", "/confirm/{token}"):
        others -= {path + "/", path + "/x"}  # appended by a mail program
    for other in others - {"", "/events", "/events/x", "/dashboard/events/x"}:
        assert answer(app, world, method, other).status == 404, other
    assert world.stored == []


def test_a_link_with_a_suffix_is_handled_by_the_link_view(app: Gateway, world: World) -> None:
    for appended in ("/", "/x", "%20", ".", "&utm_source=x"):
        for method in ("GET", "HEAD", "POST"):
            shown = answer(app, world, method, "/unsubscribe/{token}" + appended, HTML | {"Accept-Language": "nl"})
            assert (shown.status, shown.headers["content-language"]) == (200, "nl")
            assert shown.headers["x-robots-tag"] == "noindex"
    assert len(world.stored) == 5
