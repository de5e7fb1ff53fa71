"""The pages of API Gateway's own answers, made with the CloudFormation template.

API Gateway knows no languages, so a page has all of them, and no headers that could carry a policy: the page states it.
"""

from __future__ import annotations

from ...domain.languages import DEFAULT_LANGUAGE, LANGUAGES
from .problem import kind_of
from .problem_texts import PROBLEM
from .rendering import VISITORS, render, style_sheet
from .texts import COMMON


def gateway_page(status: int, detail: str) -> str:
    """Returns the page of an error that API Gateway answers without asking Relais."""
    kind = kind_of(status)
    said = [
        {"language": language, "title": getattr(PROBLEM[f"{kind}_title"], language), "texts": texts}
        for language in LANGUAGES
        for texts in [[getattr(text, language) for text in (PROBLEM[kind], COMMON["go_back"])]]
    ]
    style = f"'sha256-{style_sheet(*VISITORS).digest}'"
    return render(
        "gateway.html",
        DEFAULT_LANGUAGE,
        PROBLEM,
        organisation=None,
        said=said,
        detail=detail,
        policy_in_page=f"default-src 'none'; style-src {style}; form-action 'none'; base-uri 'none'",
    ).body
