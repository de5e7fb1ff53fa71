"""Checks who may use a route: the admin key (`Authorization: Bearer …`), and a form's origins (CORS)."""

from __future__ import annotations

import hmac
from hashlib import sha256

from ..config.model import Api, Form
from .http_messages import Request, Response
from .problems import HttpProblem

FORM_METHODS = "OPTIONS, POST"
_PREFLIGHT = {
    "allow": FORM_METHODS,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, idempotency-key",
    "access-control-max-age": "7200",  # the longest that Chromium caches it
}


def require_admin(api: Api, request: Request) -> None:
    """Require the admin key.

    Raises:
        HttpProblem: 403 when no key is configured; 401 when the request's key is missing or wrong.
        SecretUnavailable: The configured key could not be read.
    """
    if api.admin_key is None:
        raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    # Digests are compared in a time that reveals neither the key's length nor its matching part.
    if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), _digest(api.admin_key.reveal())):
        raise HttpProblem(
            401, "The admin key is missing or wrong.", headers={"www-authenticate": 'Bearer realm="relais"'}
        )


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def check_origin(form: Form | None, request: Request) -> Form:
    """Return the form if it exists and the request's `Origin`, if present, is one of its; `null` never is.

    Sets the CORS headers (Fetch standard, §3.2) of the answer first, so that the form's sites can read errors too.

    Raises:
        HttpProblem: 404 or 403.
    """
    origin = request.headers.get("origin")
    request.answer_headers["vary"] = "Origin"
    if form is None:
        raise HttpProblem(404, "There is no such form.")
    if origin is not None and origin not in form.origins:
        raise HttpProblem(403, "This form may not be used from that site.")
    if origin is not None:
        request.answer_headers["access-control-allow-origin"] = origin
        request.answer_headers["access-control-expose-headers"] = "x-request-id, retry-after"
    return form


def preflight() -> Response:
    """Return the answer to a form's OPTIONS request that `check_origin` has accepted."""
    return Response(204, headers=_PREFLIGHT)
