"""Checks the admin key: `Authorization: Bearer …`."""

from __future__ import annotations

import hmac
from hashlib import sha256

from ..config.model import Api
from .messages import Request
from .problems import HttpProblem


def require_admin(api: Api, request: Request) -> None:
    """Require the admin key.

    Raises:
        HttpProblem: 403 when no key is configured; 401 when the request's key is missing or wrong.
        SecretUnavailable: The configured key could not be read.
    """
    if api.admin_key is None:
        raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not _same(given.strip(), api.admin_key.reveal()):
        raise HttpProblem(
            401, "The admin key is missing or wrong.", headers={"www-authenticate": 'Bearer realm="relais"'}
        )


def _same(given: str, key: str) -> bool:
    """Compare in a time that reveals neither the key's length nor its matching part."""
    return hmac.compare_digest(_digest(given), _digest(key))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
