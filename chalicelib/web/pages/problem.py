"""The page of an error, in the visitor's language, with the problem's own words for the person who runs the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...config.model import Organisation
from ..http_messages import Request, Response
from ..languages import language_of
from .problem_texts import PROBLEM
from .rendering import render

if TYPE_CHECKING:
    from ..problems import HttpProblem


def problem_page(request: Request, problem: HttpProblem, organisation: Organisation | None) -> Response:
    """Returns the page of any error that has none of its own."""
    return render(
        "problem.html",
        language_of(request),
        PROBLEM,
        status=problem.status,
        headers=problem.headers,
        kind=kind_of(problem.status),
        problem=problem,
        advice=None,
        request_id=request.id,
        organisation=organisation,
    )


def kind_of(status: int) -> str:
    """Returns the status whose texts describe `status`: itself, or 400 or 500 for all others of its class."""
    return str(status) if f"{status}_title" in PROBLEM else f"{status // 100}00"
