"""`Accept` is weighed by quality and exactness."""

from __future__ import annotations

import pytest

from chalicelib.web.accept import wants_html
from tests.web.surroundings import Send

PAGES = [
    "text/html",
    "TEXT/HTML",
    "text/html;charset=utf-8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html, application/xhtml+xml, */*",
    "text/html, */*; q=0.01",
    "application/json;q=0.5, text/html;q=0.6",
    "application/json;q=0, */*",
    "text/*",
    "text/*;q=0.3, application/json;q=0.2",
    'text/html;note="a, b; q=0", application/json;q=0.9',
    "text/html ; q = 0.9 , application/json ; q = 0.8",
]
JSON = [
    "",
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "application/json, text/html;q=0.9",
    "text/html;q=0.1, application/json;q=0.2",
    "text/html;q=0, */*;q=0.1",
    "text/html;q=0",
    "text/html;q=0.5, */*",
    "text/html;q=0.9, application/problem+json",
    "application/json, text/html",
    "text/html;q=high",
    "text/html;q=1.5",
    "image/png",
    "application/xhtml+xml",
    ",;,;q=1",
    "nothing",
]


@pytest.mark.parametrize("accept", PAGES)
def test_a_browser_gets_a_page(accept: str) -> None:
    assert wants_html({"accept": accept})


@pytest.mark.parametrize("accept", JSON)
def test_a_machine_gets_json(accept: str) -> None:
    assert not wants_html({"accept": accept})


@pytest.mark.parametrize("accept", [PAGES[0], PAGES[6], JSON[0], JSON[4], JSON[6]])
def test_every_answer_is_chosen_by_quality(send: Send, accept: str) -> None:
    page = wants_html({"accept": accept})
    problem = send("GET", "/nowhere", {"Accept": accept})
    assert problem.headers["content-type"].startswith("text/html" if page else "application/problem+json")
    accepted = send("POST", "/forms/footer/signup", {"Accept": accept, "Content-Type": "application/json"},
                    '{"email": "a@example.com"}')  # fmt: skip
    assert accepted.status == (303 if page else 202)


def test_a_long_header_takes_no_time() -> None:
    for accept in (
        '"' * 20_000,
        "\\" * 20_000,
        'text/html;x="' + "\\" * 20_001,
        ";" * 20_000,
        "," * 20_000,
        "a/b;" * 5_000,
    ):
        assert wants_html({"accept": accept}) == accept.startswith("text/html")
