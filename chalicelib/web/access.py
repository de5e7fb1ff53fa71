"""Checks which pages may use a form (`Origin`, CORS)."""

from __future__ import annotations

import re

from ..config import checks
from ..config.checks import HIDDEN_ORIGIN
from ..config.model import Form, Settings
from ..observability import logger, metrics
from .http_messages import Request, Response
from .problems import HttpProblem

FORM_METHODS = "OPTIONS, POST"
NO_FORM = (
    "There is no such form. Forms are the sections [forms.NAME] of the configuration in force, and NAME stands in the "
    "address: /forms/NAME, and /forms/NAME/signup for forms that are posted."
)
_PLAIN_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_USUAL_HEADERS = "content-type, idempotency-key"
_HEADER_NAMES = re.compile(r"[ \t]*[!#$%&'+.^_`|~0-9A-Za-z-]+[ \t]*(,[ \t]*[!#$%&'+.^_`|~0-9A-Za-z-]+[ \t]*)*")
_MOST_HEADER_NAMES = 4096
"""Characters of the header names that a preflight may ask for."""


def check_origin(settings: Settings, name: str, request: Request) -> Form:
    """Returns the form if it exists and the request's `Origin`, if present, may use it.

    Those are the form's origins and Relais' own. `null` is admitted where the form lists it, for submissions of plain
    forms only and without a CORS header. Sets the CORS headers (Fetch standard, §3.2) of the answer first, so that the
    form's sites can read errors too.

    Raises:
        HttpProblem: 404 or 403.
    """
    origin, form = request.headers.get("origin"), settings.forms.get(name)
    request.answer_headers["vary"] = "Origin"
    if form is None:
        raise HttpProblem(404, NO_FORM)
    if origin is None or (origin == HIDDEN_ORIGIN and origin in form.origins and _is_plain_form(request)):
        return form
    if origin == HIDDEN_ORIGIN or (origin not in form.origins and not _is_own(settings, request, origin)):
        raise _refused(form, origin)
    request.answer_headers["access-control-allow-origin"] = origin
    request.answer_headers["access-control-expose-headers"] = "x-request-id, retry-after"
    return form


def preflight(request: Request, method: str = "POST") -> Response:
    """Returns the answer to a form's OPTIONS request that `check_origin` has accepted: it allows the headers asked for.

    A form reads two headers and none that is a secret, so others (of tracing, of a framework) do no harm.
    """
    asked = request.headers.get("access-control-request-headers", "")
    readable = len(asked) <= _MOST_HEADER_NAMES and _HEADER_NAMES.fullmatch(asked) is not None
    request.answer_headers["vary"] = "Origin, Access-Control-Request-Headers"
    return Response(
        204,
        headers={
            "allow": FORM_METHODS if method == "POST" else f"{method}, HEAD, OPTIONS",
            "access-control-allow-methods": method,
            "access-control-allow-headers": asked if readable else _USUAL_HEADERS,
            "access-control-max-age": "7200",  # the longest that Chromium caches it
        },
    )


def shown_origin(origin: str | None) -> str | None:
    """Returns an `Origin` as it may be logged: a malformed one, which may hold anything, is only called so."""
    if origin is None or origin == HIDDEN_ORIGIN:
        return origin
    well_formed = len(origin) <= checks.LONGEST_ORIGIN and checks.origin(origin) is None
    return origin if well_formed else "malformed"


def _is_plain_form(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method == "POST" and media_type in _PLAIN_FORMS


def public_url(settings: Settings, request: Request) -> str | None:
    """Returns the public URL of Relais: the configured one, else the one that this request came by."""
    return settings.api.public_url or request.own_url


def _is_own(settings: Settings, request: Request, origin: str) -> bool:
    """Returns True for the origin of Relais' own pages: of `public_url`, or of the domain that the request came by."""
    configured = settings.api.public_url
    if configured and origin == checks.normal_origin(configured):
        return True
    return bool(request.domain) and origin in (f"https://{request.domain}", f"http://{request.domain}")


def _refused(form: Form, origin: str) -> HttpProblem:
    """Returns the 403 that says what to put where; logs and counts it. A malformed origin is not repeated."""
    shown = shown_origin(origin)
    logger.warning("origin refused", extra={"form": form.name, "origin": shown})
    metrics.count("origins_refused")
    place = f"origins under [forms.{form.name}] in the configuration of Relais"
    if origin == HIDDEN_ORIGIN:
        return HttpProblem(
            403,
            'The page was opened from the disk, or it hides where it is: the browser sends "Origin: null". Open a file '
            "by a web server, such as python3 -m http.server, and list the server's address. Give a page whose "
            "Referrer-Policy is no-referrer or same-origin the policy strict-origin-when-cross-origin, and list its "
            "site. Or add "
            f'"null" to {place}, which lets in plain HTML forms of every page that hides its origin.',
        )
    named = f'"{origin}"' if shown == origin else 'it, as in "https://www.example.com",'
    return HttpProblem(403, f"This form may not be used from that site. To allow it, add {named} to {place}.")
