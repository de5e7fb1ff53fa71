"""A page has a tag, and is not sent again to a client that has it; no browser keeps one beyond the logout."""

from __future__ import annotations

import pytest

from tests.dashboard.visitor import Person
from tests.support.product import Product

PAGES = ["/dashboard", "/dashboard/campaigns", "/dashboard/events", "/dashboard/forms/footer"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(person: Person, path: str) -> None:
    page = person.get(path)
    assert page.headers["cache-control"] == "no-store"
    for known in (page.headers["etag"], f"W/{page.headers['etag']}", f'"another", {page.headers["etag"]}', "*"):
        again = person.get(path, If_None_Match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, "", page.headers["etag"])
        assert again.headers["content-security-policy"] == page.headers["content-security-policy"]


def test_a_page_that_has_changed_is_sent(product: Product, person: Person) -> None:
    tag = person.get("/dashboard/forms/footer").headers["etag"]
    product.work(*product.store(product.signup("zoe@example.com", form="footer")))
    changed = person.get("/dashboard/forms/footer", If_None_Match=tag)
    assert changed.status == 200
    assert changed.headers["etag"] != tag


def test_another_session_or_language_has_another_page(product: Product, person: Person) -> None:
    tag = person.get("/dashboard/events").headers["etag"]
    assert person.get("/dashboard/events?language=nl", If_None_Match=tag).status == 200
    other = Person(product)
    other.log_in()
    assert other.get("/dashboard/events", If_None_Match=tag).status == 200


def test_after_the_logout_a_tag_does_not_help(product: Product, person: Person) -> None:
    tag = person.get("/dashboard/events").headers["etag"]
    cookie = person.cookie
    person.post("/dashboard/logout")
    person.cookie = cookie
    answer = person.get("/dashboard/events", If_None_Match=tag)
    assert answer.status == 303
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/dashboard/login", "/dashboard/forms/nothing"])
def test_other_answers_have_no_tag(person: Person, path: str) -> None:
    answer = person.get(path)
    assert "etag" not in answer.headers


def test_what_was_looked_up_has_no_tag(person: Person) -> None:
    person.get("/dashboard/events")
    answer = person.post("/dashboard/events/lookup", address="zoe@example.com")
    assert answer.status == 200
    assert "etag" not in answer.headers
