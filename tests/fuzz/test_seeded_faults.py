"""A fault that is put into the served app, or into its document, makes generated requests fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import app
from chalicelib.config.model import Api
from chalicelib.config.secrets import Secret
from chalicelib.web.http_messages import Response
from local import template
from local.http.gateway import Gateway
from local.http.server import HttpServer
from local.sandbox import SAMPLE_ADMIN_KEY
from local.template_reader import describe
from tests.fuzz.generated import run
from tests.support.aws import TestAws
from tests.support.described import document
from tests.support.http import routes_over
from tests.support.product import Product, settings

pytestmark = [pytest.mark.server, pytest.mark.no_cover]
Sent = Callable[..., list[str]]


@pytest.fixture
def failures(resources: TestAws) -> Iterator[Sent]:
    """Sends what is generated from a document to one operation of the app in this process; returns what fails."""
    product = Product(settings(api=Api(Secret.plain(SAMPLE_ADMIN_KEY))))
    routes, context = routes_over(product.container), SimpleNamespace(aws_request_id="lambda-request-1")
    api = describe(template.build("local"), "eu-west-3").api
    server = HttpServer("127.0.0.1", 0)
    server.start(Gateway(api, lambda event, wait: routes(event, context), product.clock))

    def send(path: str, served: dict[str, Any] | None = None) -> list[str]:
        url = f"http://127.0.0.1:{server.port}"
        outcome = run(url, product.clock, served or document(), ("coverage",), 1, path=path, method="GET")
        assert outcome.cases
        return outcome.failures

    yield send
    server.shutdown()
    server.server_close()


def checks(found: list[str]) -> set[str]:
    return {each.partition(":")[0] for each in found}


def test_without_a_fault_nothing_fails(failures: Sent) -> None:
    assert failures("/healthz") == failures("/events") == []


Answers = Callable[[int, Any], Response]
FAULTS_OF_THE_APP: dict[str, Callable[[Answers], Answers]] = {
    "response_schema_conformance": lambda right: lambda status, value: right(status, {**value, "undescribed": 1}),
    "status_code_conformance": lambda right: lambda status, value: right(201, value),
    "content_type_conformance": lambda right: (
        lambda status, value: Response(status, "ok", {"content-type": "text/css"})
    ),
    "not_a_server_error": lambda right: lambda status, value: Response(1 // 0),
}


@pytest.mark.parametrize("check", FAULTS_OF_THE_APP)
def test_a_fault_of_the_app_is_found(failures: Sent, monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    monkeypatch.setattr(app, "json_response", FAULTS_OF_THE_APP[check](app.json_response))
    assert check in checks(failures("/healthz"))


def test_a_missing_header_is_found(failures: Sent) -> None:
    served = document() | {"components": document()["components"] | {"headers": {}}}
    wanted = {"x-served-by": {"required": True, "schema": {"type": "string"}}}
    health = served["paths"]["/healthz"]["get"]
    answers = health["responses"] | {"200": health["responses"]["200"] | {"headers": wanted}}
    paths = served["paths"] | {"/healthz": {"get": health | {"responses": answers}}}
    served = document() | {"paths": paths}
    assert "response_headers_conformance" in checks(failures("/healthz", served))


@pytest.mark.parametrize(
    ("most", "check"), [(10, "negative_data_rejection"), (100_000, "positive_data_acceptance")], ids=["narrow", "wide"]
)
def test_a_schema_that_is_too_narrow_or_too_wide_is_found(failures: Sent, most: int, check: str) -> None:
    parameters = document()["components"]["parameters"]
    limit = {**parameters["events_limit"], "schema": {"type": "integer", "minimum": 1, "maximum": most}}
    components = document()["components"] | {"parameters": {**parameters, "events_limit": limit}}
    assert checks(failures("/events", document() | {"components": components})) == {check}
