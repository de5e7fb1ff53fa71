"""Errors are problem details for programs and pages for browsers."""

from __future__ import annotations

import json
import re

import pytest

from chalicelib.config.model import Organisation
from chalicelib.domain.errors import FieldError, IdConflict, InvalidEvent, LedgerUnavailable
from chalicelib.ingestion.bodies import BodyError
from chalicelib.web import problems
from chalicelib.web.http_messages import Request, Response
from chalicelib.web.pages.problem import problem_page
from chalicelib.web.problems import HttpProblem

JSON = Request("POST", {"accept": "application/json"}, id="r-1")
HTML = Request("POST", {"accept": "text/html,*/*;q=0.8"}, id="r-1")
GOLDEN = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "Some of the fields are wrong.",
    "errors": [
        {"field": "email", "message": "is not a valid e-mail address"},
        {"field": "<b>", "message": "é & co"},
    ],
}
ERRORS = InvalidEvent([FieldError("email", "is not a valid e-mail address"), FieldError("<b>", "é & co")])


def answer(request: Request, error: Exception, organisation: Organisation | None = None) -> Response:
    return problems.answer(request, error, lambda problem: problem_page(request, problem, organisation))


def test_a_problem_is_json() -> None:
    made = answer(JSON, ERRORS)
    assert (made.status, made.headers) == (422, {"content-type": "application/problem+json"})
    assert json.loads(made.body) == GOLDEN


@pytest.mark.parametrize(
    ("language", "title", "says"),
    [
        ("fr", "Il y a une erreur", "Corrigez ce qui est indiqué"),
        ("nl", "Er is iets niet juist", "Verbeter wat hieronder staat"),
        ("en", "Something is not right", "Correct what is named below"),
    ],
)
def test_a_problem_is_a_page_for_browsers(language: str, title: str, says: str) -> None:
    request = Request("POST", {**HTML.headers, "accept-language": language}, id="r-1")
    made = answer(request, ERRORS, Organisation("Les Amis & Cie", "https://www.example.com/?a=1&b=2"))
    assert (made.status, made.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert f'<html lang="{language}">' in made.body
    assert f"<title>{title} – Les Amis &amp; Cie</title>" in made.body
    assert re.findall("<h1>(.*)</h1>", made.body) == [title]
    assert says in made.body
    assert "<code>&lt;b&gt;</code> é &amp; co" in made.body, "the machine's words, for the owner of the site"
    assert '<a href="https://www.example.com/?a=1&amp;b=2">Les Amis &amp; Cie</a>' in made.body
    assert "r-1" in made.body


def test_every_error_class_has_its_status_and_page() -> None:
    errors = [BodyError(415, "d"), HttpProblem(404, "d"), IdConflict(), LedgerUnavailable(), ValueError("secret")]
    assert [answer(JSON, error).status for error in errors] == [415, 404, 409, 503, 500]
    titles = [json.loads(answer(JSON, error).body)["title"] for error in errors]
    assert titles == ["Unsupported Media Type", "Not Found", "Conflict", "Service Unavailable", "Internal Server Error"]
    assert json.loads(answer(JSON, BodyError(413, "d")).body)["title"] == "Content Too Large"
    pages = [answer(HTML, error) for error in (*errors, HttpProblem(418, "d"), HttpProblem(504, "d"))]
    assert [page.status for page in pages] == [415, 404, 409, 503, 500, 418, 504]
    assert all(page.body.startswith("<!doctype html>") for page in pages)
    assert pages[3].headers["retry-after"] == "5"


def test_unexpected_errors_are_not_disclosed() -> None:
    assert json.loads(answer(JSON, ValueError("secret")).body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong here; it has been logged under this answer's request id.",
    }
    assert "secret" not in answer(HTML, ValueError("secret")).body


def test_an_error_in_a_page_does_not_hide_the_error_that_it_is_about() -> None:
    def broken(problem: HttpProblem) -> Response:
        raise KeyError("no such text")

    made = problems.answer(HTML, ERRORS, broken)
    assert (made.status, json.loads(made.body)) == (422, GOLDEN)
