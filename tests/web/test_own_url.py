"""The URL by which Relais was reached is taken from what API Gateway states, never from a header."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.http import API_DOMAIN
from tests.support.stack import ROOT
from tests.web.surroundings import World, ask, make_app, make_settings
from tests.web.test_gateway import recording

ELSEWHERE = "evil.example.net"


def reached_by(domain: str | None, before: str, **headers: str) -> dict[str, Any]:
    """A recorded form post as API Gateway would pass it on from a domain with a base path, with more headers.

    A domain's base path stands in both paths, the stage's name in the context's alone.
    """
    event: dict[str, Any] = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    own = event["path"]
    event["requestContext"] |= {"domainName": domain, "path": f"{before}{own}"}
    event["path"] = own if domain == API_DOMAIN else f"{before}{own}"
    for name, value in headers.items():
        event["headers"][name.replace("_", "-")] = value
        event["multiValueHeaders"][name.replace("_", "-")] = [value]
    return event


@pytest.mark.parametrize(
    ("domain", "before", "url"),
    [
        (API_DOMAIN, "/api", f"https://{API_DOMAIN}/api"),
        ("relais.example.com", "", "https://relais.example.com"),
        ("Relais.Example.COM", "/la/lettre", "https://relais.example.com/la/lettre"),
        ("127.0.0.1:8000", "", "http://127.0.0.1:8000"),
        (None, "/api", None),
    ],
)
@pytest.mark.parametrize(
    ("resource", "parameters", "path"),
    [
        ("/a/{name}", {"name": "b%2Fc%20d"}, "/a/b%2Fc%20d"),
        ("/a/{name}", {"name": "b%2Fc"}, "/a/b/"),  # written in two ways
        ("/{proxy+}", {"proxy": "nothing/here"}, "/nothing/here"),
        ("/", None, "/"),
    ],
)
def test_the_url_is_that_of_the_domain_and_its_base_path(
    domain: str | None, before: str, url: str | None, resource: str, parameters: dict[str, str] | None, path: str
) -> None:
    gateway, seen = recording()
    event = reached_by(domain, before, Host=ELSEWHERE, X_Forwarded_Host=ELSEWHERE, X_Forwarded_Proto="ftp")
    event |= {"resource": resource, "pathParameters": parameters, "path": path}
    event["requestContext"] |= {"resourcePath": resource, "path": f"{before}{path}"}
    ask(gateway, event)
    assert [request.own_url for request, _ in seen] == [url]


@pytest.mark.parametrize(
    ("domain", "before"), [(API_DOMAIN, "/api"), ("relais.example.com", ""), ("relais.example.com", "/lettre")]
)
def test_relais_own_pages_may_post_by_every_domain_that_leads_here(world: World, domain: str, before: str) -> None:
    """Without a `public_url`, and with one of another domain."""
    for settings in (make_settings(), make_settings(public_url="https://other.example.com")):
        answer = ask(make_app(world, settings), reached_by(domain, before, Origin=f"https://{domain}"))
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (202, f"https://{domain}")


def test_a_forged_host_is_not_relais_own(world: World) -> None:
    forged = reached_by(API_DOMAIN, "/api", Origin=f"https://{ELSEWHERE}", Host=ELSEWHERE, X_Forwarded_Host=ELSEWHERE)
    answer = ask(make_app(world, make_settings()), forged)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert world.stored == []
