"""`GET /openapi.json`: its server URL, its ETag, and that it works without a key or a configuration."""

from __future__ import annotations

import json
from types import SimpleNamespace

from chalicelib.domain.errors import ConfigurationError, FieldError
from tests.support.http import API_DOMAIN, ask, gateway_event, routes_over
from tests.web.surroundings import World, make_app, make_settings

HOST = {"Host": "relais.example.org"}


def test_it_names_the_address_that_the_request_came_by() -> None:
    app = make_app(World(), make_settings())
    found = ask(app, gateway_event("GET", "/openapi.json", HOST))
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert found.json["openapi"].startswith("3.1.")
    assert found.json["servers"] == [{"url": "https://relais.example.org/api"}]
    assert found.headers["access-control-allow-origin"] == "*"
    assert ask(app, gateway_event("HEAD", "/openapi.json")).body == ""


def test_the_configured_address_wins() -> None:
    app = make_app(World(), make_settings(public_url="https://relais.example.com"))
    assert ask(app, gateway_event("GET", "/openapi.json", HOST)).json["servers"] == [
        {"url": "https://relais.example.com"}
    ]


def test_a_client_that_has_it_gets_304_until_it_changes() -> None:
    app = make_app(World(), make_settings())
    first, second = (ask(app, gateway_event("GET", "/openapi.json")) for _ in range(2))
    assert (first.body, first.headers["etag"]) == (second.body, second.headers["etag"])
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        answer = ask(app, gateway_event("GET", "/openapi.json", {"If-None-Match": known}))
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, "", first.headers["etag"])
        assert "content-type" not in answer.headers
    assert ask(app, gateway_event("GET", "/openapi.json", {"If-None-Match": '"other"'})).status == 200
    elsewhere = ask(app, gateway_event("GET", "/openapi.json", HOST))
    assert elsewhere.headers["etag"] != first.headers["etag"]


def test_it_works_without_a_configuration_that_can_be_read() -> None:
    class Unreadable:
        @property
        def settings(self) -> SimpleNamespace:
            raise ConfigurationError([FieldError("relais.toml", "must be there")])

    answer = ask(routes_over(Unreadable()), gateway_event("GET", "/openapi.json"))
    assert answer.status == 200
    assert json.loads(answer.body)["servers"] == [{"url": f"https://{API_DOMAIN}/api"}]
