from __future__ import annotations

import json

from chalicelib.domain.errors import FieldError, IdConflict, InvalidEvent, LedgerUnavailable
from chalicelib.ingestion.bodies import BodyError
from chalicelib.web import problems
from chalicelib.web.http_messages import Request
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


def test_a_problem_is_json() -> None:
    answer = problems.answer(JSON, ERRORS)
    assert (answer.status, answer.headers) == (422, {"content-type": "application/problem+json"})
    assert json.loads(answer.body) == GOLDEN


def test_a_problem_is_a_page_for_browsers() -> None:
    answer = problems.answer(HTML, ERRORS)
    assert (answer.status, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert answer.body == (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Unprocessable Content</title>\n'
        "</head>\n<body>\n<main>\n<h1>Unprocessable Content</h1>\n<p>Some of the fields are wrong.</p>\n"
        "<ul>\n<li><strong>email</strong> is not a valid e-mail address</li>\n"
        "<li><strong>&lt;b&gt;</strong> é &amp; co</li>\n</ul>\n</main>\n</body>\n</html>\n"
    )


def test_every_error_class_has_its_status() -> None:
    errors = [BodyError(415, "d"), HttpProblem(404, "d"), IdConflict(), LedgerUnavailable(), ValueError("secret")]
    assert [problems.answer(JSON, error).status for error in errors] == [415, 404, 409, 503, 500]
    titles = [json.loads(problems.answer(JSON, error).body)["title"] for error in errors]
    assert titles == ["Unsupported Media Type", "Not Found", "Conflict", "Service Unavailable", "Internal Server Error"]
    assert json.loads(problems.answer(JSON, BodyError(413, "d")).body)["title"] == "Content Too Large"


def test_unexpected_errors_are_not_disclosed() -> None:
    assert json.loads(problems.answer(JSON, ValueError("secret")).body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong here; it has been logged under this answer's request id.",
    }
