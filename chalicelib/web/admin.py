"""Checks the admin key (`Authorization: Bearer …`, or a session's cookie), and slows down those who try wrong ones."""

from __future__ import annotations

import hmac
import ipaddress
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ..domain.errors import RelaisError
from ..ledger.keys import wrong_keys_key
from ..observability import logger, metrics
from ..services import Services
from .http_messages import Request
from .problems import HttpProblem
from .session import Session, Sessions

MOST_WRONG_KEYS = 10
"""Wrong keys from one address in a window before it gets 429."""
WINDOW = timedelta(minutes=10)
CHALLENGE = {"www-authenticate": 'Bearer realm="relais"'}


def require_admin(services: Services, request: Request) -> Session | None:
    """Requires the admin key, or the cookie of a session that was started with it; returns that session.

    The right key always passes, whatever came before it from the same address. With an `Authorization` header the
    cookie does not count.

    Raises:
        HttpProblem: 403 when no key is configured; 401 when the request's key is missing or wrong; 429 when the
            address has sent too many wrong ones.
        LedgerUnavailable: Whether the cookie's session was ended could not be read.
        SecretUnavailable: The configured key could not be read.
    """
    if services.settings.api.admin_key is None:
        raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
    if "authorization" not in request.headers and (session := Sessions(services).current(request)):
        return session
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    if not is_admin_key(services, request, given.strip() if scheme.lower() == "bearer" else ""):
        raise HttpProblem(401, "The admin key is missing or wrong.", headers=CHALLENGE)
    return None


def is_admin_key(services: Services, request: Request, given: str) -> bool:
    """Returns whether a text is the admin key; a wrong one is counted for the sender's address.

    Raises:
        HttpProblem: 403 when no key is configured; 429 when the address has sent too many wrong ones.
        SecretUnavailable: The configured key could not be read.
    """
    admin_key = services.settings.api.admin_key
    if admin_key is None:
        raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
    # Digests are compared in a time that reveals neither the key's length nor its matching part.
    if given and hmac.compare_digest(_digest(given), _digest(admin_key.reveal())):
        return True
    if given:
        _record_wrong_key(services, request)
    return False


def _record_wrong_key(services: Services, request: Request) -> None:
    """Counts a wrong key for the sender's address; raises HttpProblem (429) above the limit.

    The count is in the ledger, since instances share no memory; it is written for wrong keys only. Without the ledger
    nothing is limited.
    """
    metrics.count("wrong_admin_keys")
    now = services.effects.clock().astimezone(UTC)
    start = datetime.fromtimestamp(now.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds(), UTC)
    try:
        sender = services.address_keys.digest(f"sender {_network(request.source_ip or '')}".encode())
        item = services.table.update(
            wrong_keys_key(sender, start),
            "SET expires_at = :expires ADD wrong_keys :one",
            {"expires": int((start + 2 * WINDOW).timestamp()), "one": 1},
        )
    except RelaisError as error:
        logger.warning("wrong admin key not counted", extra={"error": str(error)})
        return
    count = int(item["wrong_keys"])
    # No address, not even a hashed one; one line where the limit begins, so that a flood cannot fill the log.
    if count in (1, MOST_WRONG_KEYS + 1):
        logger.warning("admin key rejected", extra={"wrong_keys": count})
    if count > MOST_WRONG_KEYS:
        wait = int((start + WINDOW - now).total_seconds()) + 1
        raise HttpProblem(
            429, "Too many wrong admin keys. The right one still works.", headers={"retry-after": str(wait)}
        )


def _network(ip: str) -> str:
    """Returns the address, or the /64 network of an IPv6 address, since one sender has all of that."""
    with suppress(ValueError):
        parsed = ipaddress.ip_address(ip)
        if isinstance(parsed, ipaddress.IPv6Address):
            return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))
    return ip


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
