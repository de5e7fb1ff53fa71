"""`canary`: an hourly signup to a form whose account keeps nothing, and whether the one before was delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Api, Form
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.observability import metrics
from chalicelib.operators.canary import ADDRESS, Canary, CanaryFailed, canary_form, post_form
from chalicelib.providers.account import Account
from chalicelib.providers.sink.provider import Sink
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import Product, settings

URL = "https://relais.example.com"


@pytest.fixture
def product(resources: TestAws) -> Product:
    given = settings(api=Api(public_url=URL))
    accounts = {**given.accounts, "nowhere": Account("nowhere", "sink")}
    forms = {**given.forms, "probe": Form("probe", "nowhere", "", "mail", {}, signups_per_hour=0)}
    return Product(replace(given, accounts=accounts, forms=forms))


class Site:
    """Posts to the product in this process, as the public URL would."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.posted: list[str] = []
        self.down: str | None = None

    def __call__(self, url: str, fields: Mapping[str, str]) -> str:
        if self.down:
            raise CanaryFailed(self.down)
        headers = {"content-type": "application/json"}
        said = request(self.product.container, "POST", url.removeprefix(URL), headers, json.dumps(dict(fields)))
        assert said.status == 202
        self.posted.append(said.json["id"])
        return self.posted[-1]


@pytest.fixture(autouse=True)
def nothing_measured(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()


@pytest.fixture
def site(product: Product) -> Site:
    return Site(product)


def run(product: Product, site: Site) -> dict[str, Any]:
    return Canary(product.container, site).run()


def measured(capsys: pytest.CaptureFixture[str]) -> float:
    """How long it has failed, as the metric of the last run says."""
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    value = [line["canary_failing_seconds"] for line in lines if "canary_failing_seconds" in line][-1]
    return float(value[-1] if isinstance(value, list) else value)


def test_each_hour_a_signup_is_posted_and_the_one_before_was_delivered(
    product: Product, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(product, site) == {"form": "probe", "posted": site.posted[0], "previous": None}
    for hour in range(3):
        product.work(site.posted[-1])
        product.clock.forward(hours=1)
        assert run(product, site)["previous"] == "delivered", hour
        assert measured(capsys) == 0
    assert len(set(site.posted)) == 4
    shown = product.delivery(site.posted[0], "nowhere")
    assert (shown["status"], shown["reason"]) == ("delivered", None), "though its form's limit is 0"
    assert ADDRESS.endswith("@example.com")


def test_a_signup_that_was_not_delivered_is_measured_from_then_on(
    product: Product, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run(product, site)
    product.clock.forward(hours=1)
    measured(capsys)
    said = run(product, site)
    assert (said["previous"], said["error"], said["posted"]) == ("pending", "the one before is pending", site.posted[1])
    assert measured(capsys) == 1
    product.clock.forward(hours=1)
    run(product, site)
    assert measured(capsys) == 3600
    product.work(*site.posted)
    product.clock.forward(hours=1)
    assert "error" not in run(product, site)
    assert measured(capsys) == 0, "over"


def test_a_site_that_refuses_the_signup_is_an_error_that_is_logged(
    product: Product, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run(product, site)
    product.work(*site.posted)
    product.clock.forward(hours=1)
    site.down = "the form answered 429"
    capsys.readouterr()
    said = run(product, site)
    assert (said["error"], said["posted"], said["previous"]) == ("the form answered 429", None, "delivered")
    metrics.flush()
    out = capsys.readouterr()
    (line,) = [line for line in (out.out + out.err).splitlines() if '"canary failed"' in line]
    assert json.loads(line)["level"] == "ERROR" and ADDRESS not in line
    assert '"canary_failing_seconds":[0,1.0]' in out.out
    site.down = None
    product.clock.forward(hours=1)
    assert "error" not in run(product, site), "the last one that was accepted was delivered"


def test_a_run_by_hand_minutes_later_judges_nothing(product: Product, site: Site) -> None:
    run(product, site)
    product.clock.forward(seconds=30)
    assert run(product, site) == {"form": "probe", "posted": site.posted[1], "previous": None}
    assert site.posted[0] == site.posted[1], "the same signup within ten minutes is the same event"


def test_a_form_with_copies_is_checked_by_its_own_account(product: Product, site: Site) -> None:
    forms = {**product.settings.forms, "probe": replace(product.settings.forms["probe"], copy_to=("lyon",))}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    run(product, site)
    product.work(site.posted[-1])
    product.clock.forward(hours=1)
    assert run(product, site)["previous"] == "delivered"


@pytest.mark.parametrize("lacking", ["form", "url"])
def test_without_a_form_or_a_url_it_does_nothing_and_raises_no_alarm(
    product: Product, site: Site, capsys: pytest.CaptureFixture[str], lacking: str
) -> None:
    given = product.settings
    forms = {name: form for name, form in given.forms.items() if name != "probe"}
    product.settings = replace(given, forms=forms) if lacking == "form" else replace(given, api=Api())
    product.restart()
    assert "there is no " in run(product, site)["skipped"]
    assert (measured(capsys), site.posted) == (0, [])


def test_a_form_of_another_provider_or_with_confirmation_is_none_for_it(product: Product) -> None:
    given = product.settings
    assert canary_form(given) == given.forms["probe"]
    assert canary_form(replace(given, forms={"footer": given.forms["footer"]})) is None
    assert canary_form(replace(given, forms={"probe": replace(given.forms["probe"], confirm="ses")})) is None


@pytest.mark.server
@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ('{"id": "0192-abc", "status": "accepted"}', 202, None),
        ('{"detail": "no"}', 422, "answered 422"),
        ("<html>", 202, "answered 202"),
        ('{"id": "../x"}', 202, "answered 202"),
        ('{"id": "0192-abc"}', 200, "answered 200"),
    ],
)
def test_only_an_accepted_signup_counts(body: str, status: int, error: str | None) -> None:
    with Scripted([answer(body.encode(), status=status)]) as server:
        if error is None:
            assert post_form(f"{server.url}/forms/probe/signup", {"mail": ADDRESS}) == "0192-abc"
            return
        with pytest.raises(CanaryFailed, match=error):
            post_form(f"{server.url}/forms/probe/signup", {"mail": ADDRESS})


@pytest.mark.server
def test_a_site_that_cannot_be_reached_is_named_without_its_address() -> None:
    with pytest.raises(CanaryFailed, match=r"^the public URL cannot be reached: ConnectionError$"):
        post_form("http://127.0.0.1:9/forms/probe/signup", {})


def test_a_sink_takes_everything_and_offers_nothing_else(product: Product) -> None:
    sink = product.container.provider("nowhere")
    assert isinstance(sink, Sink)
    product.work(*product.store(product.unsubscribe("a@example.com", accounts=("nowhere",))))
    assert (sink.read_lists([], budget=1), list(sink.campaigns(budget=1)), sink.columns("", budget=1)) == ({}, [], ())
    for offered in (lambda: sink.call("anything", {}, budget=1), lambda: sink.unsubscribed(budget=1)):
        with pytest.raises(ProviderError) as refused:
            offered()
        assert refused.value.kind is Kind.CALLER
