"""Signed times and proofs of work: which signups are quarantined, solutions count once, and no signup is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from altcha.v1 import Challenge, solve_challenge

from chalicelib.config.model import Form
from tests.confirmation.conftest import Visitor, with_confirmation
from tests.support.http import request
from tests.support.product import FakeContext, Product
from tests.web.form_pages import Page

ZOE = "zoe@example.com"
SITE = "https://www.example.com"


@pytest.fixture
def product(resources: Any) -> Product:
    made = with_confirmation(Product())
    forms: dict[str, Form] = {
        name: replace(form, confirm=None, altcha=name == "footer", origins=frozenset({SITE}))
        for name, form in made.settings.forms.items()
    }
    made.settings = replace(made.settings, forms=forms)
    made.restart()
    return made


def challenge(product: Product, form: str = "footer") -> dict[str, Any]:
    answer = request(product.container, "GET", f"/forms/{form}/challenge", {"Origin": SITE})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, SITE)
    found: dict[str, Any] = answer.json
    return found


def proof(asked: dict[str, Any], **changes: Any) -> str:
    """A browser's proof, as ALTCHA's widget sends it."""
    names = ("algorithm", "challenge", "salt", "signature")
    solution = solve_challenge(
        Challenge(asked["algorithm"], asked["challenge"], asked["maxnumber"], asked["salt"], asked["signature"])
    )
    assert solution is not None
    payload = {name: asked[name] for name in names} | {"number": solution.number, "took": 12} | changes
    return base64.b64encode(json.dumps(payload).encode()).decode()


def reason(product: Product, signup: str) -> str | None:
    product.work(signup)
    found: str | None = product.delivery(signup)["reason"]
    return found


def test_a_solution_lets_a_signup_through_and_counts_once(product: Product, visitor: Visitor) -> None:
    solved = proof(challenge(product))
    product.clock.forward(seconds=5)
    signup = visitor.sign_up(ZOE, altcha=solved)
    assert reason(product, signup) is None
    assert product.paris.emails == [ZOE]
    assert visitor.sign_up(ZOE, altcha=solved) == signup, "the same signup again, since its answer may have been lost"
    assert reason(product, visitor.sign_up("other@example.com", altcha=solved)) == "quarantined"
    assert product.paris.emails == [ZOE]


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 50_001},
        {"number": -1},
        {"number": "1"},
        {"salt": "x?at=1&"},
        {"signature": "0"},
        {"algorithm": "SHA-1"},
        {"salt": "\ud800"},
    ],
    ids=["too-large", "negative", "text", "salt", "signature", "algorithm", "no-text"],
)
def test_a_wrong_solution_waits(product: Product, visitor: Visitor, changes: dict[str, Any]) -> None:
    solved = proof(challenge(product), **changes)
    product.clock.forward(seconds=5)
    assert reason(product, visitor.sign_up(ZOE, altcha=solved)) == "quarantined"


@pytest.mark.parametrize("sent", [None, "", "x", "e30=", base64.b64encode(b"[1]").decode(), "A" * 3000])
def test_no_solution_waits_and_an_operator_releases_it(product: Product, visitor: Visitor, sent: str | None) -> None:
    signup = visitor.sign_up(ZOE, **({} if sent is None else {"altcha": sent}))
    assert reason(product, signup) == "quarantined"
    assert product.container.resend({"status": "quarantined"}, FakeContext()) == {"resent": 1}
    assert reason(product, signup) is None
    assert product.paris.emails == [ZOE]


def test_a_challenge_of_another_form_and_an_old_one_prove_nothing(product: Product, visitor: Visitor) -> None:
    other, old = proof(challenge(product, "form1")), proof(challenge(product))
    product.clock.forward(seconds=5)
    assert reason(product, visitor.sign_up(ZOE, altcha=other)) == "quarantined"
    product.clock.forward(hours=24)
    assert reason(product, visitor.sign_up(ZOE, altcha=old)) == "quarantined"


def test_a_time_of_this_form_lends_nothing_to_a_challenge_that_is_old_or_of_another(
    product: Product, visitor: Visitor
) -> None:
    other, old = proof(challenge(product, "form1")), proof(challenge(product))
    product.clock.forward(days=3)  # the record that a solution was used is gone by then
    stamp = challenge(product)["timestamp"]
    product.clock.forward(seconds=5)
    for number, each in enumerate((other, old)):
        signup = visitor.sign_up(f"a{number}@example.com", altcha=each, **{"@timestamp": stamp})
        assert reason(product, signup) == "quarantined"


def test_a_solution_lets_the_same_signup_through_for_as_long_as_it_is_a_repeat(
    product: Product, visitor: Visitor
) -> None:
    solved = proof(challenge(product))
    product.clock.forward(seconds=5)
    ids = []
    for _ in range(4):
        ids.append(visitor.sign_up(ZOE, altcha=solved))
        product.clock.forward(minutes=11)
    assert [reason(product, signup) for signup in ids] == [None, *["quarantined"] * 3]


def test_a_solution_counts_for_one_idempotency_key(product: Product) -> None:
    solved = proof(challenge(product))
    product.clock.forward(seconds=5)
    body, ids = urlencode({"email": ZOE, "altcha": solved}), []
    for key in ("a", "a", "b", "c"):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        ids.append(request(product.container, "POST", "/forms/footer/signup", headers, body).json["id"])
    assert ids[0] == ids[1]
    assert [reason(product, signup) for signup in ids[1:]] == [None, "quarantined", "quarantined"]


@pytest.mark.parametrize("stamp", ["1772357400000.é", "é", "٣.x", "9" * 5000, "1772357400000.", "."])
def test_what_is_no_time_at_all_waits(product: Product, visitor: Visitor, stamp: str) -> None:
    assert reason(product, visitor.sign_up(ZOE, "form1", **{"@timestamp": stamp})) == "quarantined"


def test_too_fast_too_late_and_forged_times_wait_where_there_is_one(product: Product, visitor: Visitor) -> None:
    stamp = challenge(product, "form1")["timestamp"]
    sent = {"@timestamp": stamp}
    assert reason(product, visitor.sign_up("a@example.com", "form1", **sent)) == "quarantined"
    product.clock.forward(milliseconds=500)
    assert reason(product, visitor.sign_up("b@example.com", "form1", **sent)) is None
    assert (
        reason(product, visitor.sign_up("c@example.com", "form1", **{"@timestamp": "0" + stamp[1:]})) == "quarantined"
    )
    assert reason(product, visitor.sign_up("d@example.com", "form2", **sent)) == "quarantined", "of another form"
    assert reason(product, visitor.sign_up("e@example.com", "form1")) is None, "a website's form states none"
    product.clock.now += timedelta(hours=24)
    assert reason(product, visitor.sign_up("f@example.com", "form1", **sent)) == "quarantined"
    assert product.paris.emails == ["b@example.com", "e@example.com"]


@pytest.mark.seconds
def test_doubtful_signups_use_nothing_of_the_forms_limit(product: Product, visitor: Visitor) -> None:
    forms = {name: replace(form, signups_per_hour=2) for name, form in product.settings.forms.items()}
    product.settings = replace(product.settings, forms=forms)
    product.restart()
    product.work(*(visitor.sign_up(f"robot{number}@example.com") for number in range(10)))
    solved = [proof(challenge(product)) for _ in range(2)]
    product.clock.forward(seconds=5)
    for number, each in enumerate(solved):
        assert reason(product, visitor.sign_up(f"person{number}@example.com", altcha=each)) is None


def test_an_unsubscribe_needs_no_proof(product: Product) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"email": ZOE})
    answer = request(product.container, "POST", "/forms/footer/unsubscribe", headers, body)
    product.work(answer.json["id"], queue="unsubscribes")
    assert product.delivery(answer.json["id"])["status"] == "delivered"


def test_the_hosted_page_carries_time_and_challenge_and_allows_its_own_script_alone(product: Product) -> None:
    answer = request(product.container, "GET", "/forms/footer", {"Accept": "text/html", "Accept-Language": "en"})
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy and "unsafe" not in policy
    assert answer.body.count("<script>") == 1 and "data-task=" in answer.body and "needs JavaScript" in answer.body
    plain = request(product.container, "GET", "/forms/form1", {"Accept": "text/html"})
    assert "script" not in plain.body + plain.headers["content-security-policy"]
    sent = Page(plain).sent
    assert sent["@timestamp"][0].endswith(sent["@timestamp"][0].partition(".")[2])


def test_only_listed_websites_get_challenges(product: Product) -> None:
    ask = product.container
    assert request(ask, "GET", "/forms/footer/challenge", {"Origin": "https://other.example.com"}).status == 403
    assert request(ask, "GET", "/forms/nowhere/challenge").status == 404
    preflight = request(ask, "OPTIONS", "/forms/footer/challenge", {"Origin": SITE})
    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (204, "GET")
    assert request(ask, "POST", "/forms/footer/challenge", {"Origin": SITE}, "{}").status == 405
