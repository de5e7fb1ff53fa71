"""Sessions of the dashboard: a signed cookie, ended by logging out, by time, and by a changed admin key.

The cookie holds a random id and the time of the login, signed with a key that is derived from the admin key: nothing is
stored for a session that is going on. One that was ended stands in the ledger until it would have expired, so that a
copied cookie ends with it.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ..ledger.keys import ended_session_key
from ..services import Services
from .http_messages import Request
from .problems import HttpProblem

COOKIE = "relais_session"
DURATION = timedelta(hours=12)
_ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 16, 4, 32
_SEVERAL = re.compile(r"[;,]\s*")  # copies of the header were joined by commas


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is going on. Forms of its pages carry `csrf`; `mark` names it in the log and reveals nothing."""

    id: str
    started_at: datetime
    csrf: str
    mark: str

    def proof(self, text: str) -> str:
        """Returns a signature by which this session recognises that Relais itself put `text` into an address."""
        return _signature(self.csrf.encode(), text.encode("utf-8", "surrogatepass")).hex()[:16]


class Sessions:
    """Starts, finds and ends sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def start(self, request: Request) -> str:
        """Returns the `Set-Cookie` value of a new session. Raises SecretUnavailable."""
        started = int(self._services.effects.clock().timestamp())
        content = self._services.effects.random_bytes(_ID_BYTES) + started.to_bytes(_TIME_BYTES, "big")
        token = urlsafe_b64encode(content + _signature(self._key(), content)).rstrip(b"=").decode()
        return _set_cookie(request, token, int(DURATION.total_seconds()))

    def current(self, request: Request) -> Session | None:
        """Returns the session of the request's cookie: None for a forged, expired or ended one, and without a cookie.

        Raises:
            LedgerUnavailable: Whether the session was ended could not be read.
            SecretUnavailable: The admin key could not be read.
        """
        for cookie in _SEVERAL.split(request.headers.get("cookie", "")):
            name, _, token = cookie.strip().partition("=")
            session = self._genuine(token) if name == COOKIE and token else None
            if session and self._services.table.get(ended_session_key(session.id)) is None:
                return session
        return None

    def end(self, request: Request, session: Session) -> str:
        """Ends a session for every copy of its cookie; returns the `Set-Cookie` value that deletes it.

        Raises LedgerUnavailable; then the session is not ended.
        """
        expires = int((session.started_at + DURATION + timedelta(hours=1)).timestamp())
        self._services.table.update(ended_session_key(session.id), "SET expires_at = :expires", {"expires": expires})
        return _set_cookie(request, "", 0)

    def _genuine(self, token: str) -> Session | None:
        key = self._key()
        try:
            decoded = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        content, signature = decoded[:-_SIGNATURE_BYTES], decoded[-_SIGNATURE_BYTES:]
        if len(content) != _ID_BYTES + _TIME_BYTES or not hmac.compare_digest(signature, _signature(key, content)):
            return None
        started_at = datetime.fromtimestamp(int.from_bytes(content[_ID_BYTES:], "big"), UTC)
        if not timedelta(minutes=-5) <= self._services.effects.clock() - started_at < DURATION:
            return None
        identity = content[:_ID_BYTES]
        csrf, mark = _signature(key, b"csrf " + identity).hex(), sha256(b"mark " + identity).hexdigest()[:8]
        return Session(identity.hex(), started_at, csrf, mark)

    def _key(self) -> bytes:
        """Derives the signing key. A changed admin key changes it, which ends every session."""
        admin_key = self._services.settings.api.admin_key
        if admin_key is None:
            raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
        return _signature(admin_key.reveal().encode("utf-8", "surrogatepass"), b"relais dashboard sessions")


def require_csrf(session: Session, given: str) -> None:
    """Requires the token of the session's own forms, so that no other site's form acts. Raises HttpProblem, 403."""
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), session.csrf.encode()):
        raise HttpProblem(403, "This form is not of your session. Open the page again and repeat what you did.")


def refuse_other_sites(request: Request) -> None:
    """Refuses a request that a browser says another site sent. Raises HttpProblem, 403."""
    if request.headers.get("sec-fetch-site", "none").strip().lower() in ("cross-site", "same-site"):
        raise HttpProblem(403, "Another website sent this request.")


def _signature(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, sha256)


def _set_cookie(request: Request, value: str, seconds: int) -> str:
    secure = "; Secure" if request.is_https else ""
    path = request.base_path or "/"
    return f"{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
