"""The pages that answer a website's form: accepted, to correct, later, or not connected properly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...config import checks
from ...config.model import Form
from ...domain.events import EventType
from ...ingestion.bodies import Submission
from ..form_visit import FormVisit
from ..http_messages import Response
from .form_fields import ShownField, carried_fields, fields_in_place_of_the_address, fields_to_correct, typed_address
from .form_texts import FORM
from .problem import kind_of
from .problem_texts import PROBLEM
from .rendering import StyleSheet, code, render

if TYPE_CHECKING:
    from ..problems import HttpProblem

_TEXTS = {**PROBLEM, **FORM}
_NOT_CONNECTED = frozenset({403, 404, 405, 422})
"""What the owner of the website must correct; 422 where a field is wrong that no visitor typed."""
SHOWING_POLICY = "strict-origin-when-cross-origin"
"""The Referrer-Policy under which browsers tell a form's origin."""
_LATER = frozenset({429, 500, 503})


def accepted_page(visit: FormVisit) -> Response:
    """Returns the page after success. It is the same whether the address is known, suppressed or neither."""
    typed = typed_address(visit.form, visit.submission) if visit.form and visit.submission else ""
    asks = visit.event_type is EventType.SIGNUP and visit.form is not None and visit.form.confirm is not None
    return form_page(
        visit, "form_accepted.html", 200, address=typed, title="confirm" if asks else visit.event_type.value
    )


def failure_page(visit: FormVisit, problem: HttpProblem) -> Response:
    """Returns the page of an error. Where repeating may help, it holds the form with what was typed."""
    form, submission, fields = visit.form, visit.submission, None
    if form and submission and problem.status == 422:
        fields = fields_to_correct(form, submission, problem.errors, visit.language)
    if form and submission and (fields is not None or problem.status in _LATER):
        return _form_again(visit, problem, form, submission, fields or [])
    connected = problem.status not in _NOT_CONNECTED
    kind = kind_of(problem.status) if connected else "not_connected"
    advice = None if connected else _advice(visit, problem.status)
    return form_page(
        visit, "form_problem.html", problem.status, problem.headers, kind=kind, problem=problem, advice=advice
    )


def _advice(visit: FormVisit, status: int) -> tuple[str, dict[str, Any]] | None:
    """Returns what the owner of the website should do, as a text and its values; None: the problem's detail says it."""
    if status == 405:
        return "method", {"code": code('method="post"')}
    if visit.form is None:
        return "unknown_form", {"section": code("[forms.…]"), "attribute": code("action")}
    origin = visit.request.headers.get("origin", "")
    if status != 403 or checks.origin(origin) is not None:
        return None
    place = {"key": code("origins"), "section": code(f"[forms.{visit.form.name}]"), "origin": code(f'"{origin}"')}
    if origin != checks.HIDDEN_ORIGIN:
        return "not_listed", place
    return "hides_origin", {**place, "header": code("Referrer-Policy"), "policy": code(SHOWING_POLICY)}


def _form_again(
    visit: FormVisit, problem: HttpProblem, form: Form, submission: Submission, fields: list[ShownField]
) -> Response:
    """Returns the page with the form, to be corrected (`fields`) or just sent again."""
    carried = carried_fields(
        form, visit.event_type, submission, [field.name for field in fields], visit.request.headers.get("referer")
    )
    return form_page(
        visit,
        "form_again.html",
        problem.status,
        problem.headers,
        kind=kind_of(problem.status),
        fields=fields,
        carried=carried,
        address_field=form.email_field,
        sent_instead=fields_in_place_of_the_address(form, submission),
        request_id=visit.request.id,
    )


def form_page(
    visit: FormVisit, template: str, status: int, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """Returns a page of a form, in the visit's language unless `values` name another."""
    return render(
        template,
        values.pop("language", visit.language),
        _TEXTS,
        status=status,
        # A form on this page must state its origin, which no-referrer would hide; other sites learn nothing.
        headers={"referrer-policy": "same-origin", **(headers or {})},
        event_type=visit.event_type.value,
        policy=_policy(visit, values.pop("scripts", ())),
        back=_way_back(visit),
        organisation=visit.organisation,
        embedded=visit.is_embedded,
        **({"request_id": visit.request.id} | values),
    )


def _policy(visit: FormVisit, scripts: Sequence[StyleSheet]) -> dict[str, str]:
    """Returns what a page's policy allows: its form's redirect, a frame of the form's websites, and its own scripts.

    Browsers hold a form's redirects against the policy of the page that it is on.
    """
    policy = {"script-src": " ".join(f"'sha256-{each.digest}'" for each in scripts)} if scripts else {}
    if visit.redirect:
        policy["form-action"] = " ".join(("'self'", *_sites(visit.redirect)))
    websites = sorted(visit.form.origins - {checks.HIDDEN_ORIGIN}) if visit.form and visit.is_embedded else []
    if websites:
        policy["frame-ancestors"] = " ".join(websites)
    return policy


def _way_back(visit: FormVisit) -> str | None:
    """Returns the website's page that the visitor came from, as far as the browser tells and the form lists its site.

    Otherwise the organisation's own page, if it is known: an address that a stranger may have written is no way back.
    """
    headers, listed = visit.request.headers, visit.form.origins if visit.form else frozenset()
    stated = visit.submission.texts.get("consent.source", ()) if visit.submission else ()
    for url in (headers.get("referer", ""), *stated, headers.get("origin", "")):
        if checks.page(url) is None and checks.normal_origin(_origin(url)) in listed:
            return checks.encoded_url(url)
    return visit.organisation.url if visit.organisation else None


def _sites(url: str) -> list[str]:
    """Returns a policy's sources for a URL: its origin, that without `www.`, and its subdomains, for redirects."""
    origin = checks.normal_origin(_origin(url))
    scheme, _, host = origin.partition("://")
    bare, name = host.removeprefix("www."), urlsplit(origin).hostname or ""
    if "." not in name or name.replace(".", "").isdigit():  # this machine, or an IP address: it has no subdomains
        return [origin]
    return list(dict.fromkeys((origin, f"{scheme}://{bare}", f"{scheme}://*.{bare}")))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
