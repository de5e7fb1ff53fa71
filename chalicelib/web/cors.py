"""Checks which origins may use a form, and sets the CORS headers (Fetch standard, §3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from ..config.model import Form
from .messages import Request, Response
from .problems import HttpProblem

ALLOW = "OPTIONS, POST"
"""The methods of a form's paths."""
_METHODS = "POST"
_REQUEST_HEADERS = "content-type, idempotency-key"
_PREFLIGHT_SECONDS = "7200"  # the longest that Chromium caches it


def check_origin(form: Form, request: Request) -> None:
    """Reject a request whose `Origin` is present and not among the form's; `null` never is.

    Raises:
        HttpProblem: 403.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin not in form.origins:
        raise HttpProblem(403, "This form may not be used from that site.")


def headers(form: Form | None, request: Request) -> Mapping[str, str]:
    """Return the headers for every answer of a form: listed origins may read it, also an error."""
    varied = {"vary": "Origin"}
    origin = request.headers.get("origin")
    if form is None or origin is None or origin not in form.origins:
        return varied
    return {
        **varied,
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "x-request-id, retry-after",
    }


def preflight() -> Response:
    """Return the answer to a form's OPTIONS request that `check_origin` has accepted."""
    return Response(
        204,
        headers={
            "allow": ALLOW,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _REQUEST_HEADERS,
            "access-control-max-age": _PREFLIGHT_SECONDS,
        },
    )
