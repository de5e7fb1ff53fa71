"""Checks of single values. Each returns the correction, or None, and quotes nothing secret."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from ..domain.addresses import a_labels
from ..domain.webhook_signature import KEY_PREFIX
from .field_errors import unknown
from .value_limits import OWN_KEY_CHARACTERS

Check = Callable[[str], str | None]
"""Returns the correction of an invalid text; None when it is valid."""

_WEBHOOK_BYTES = 16
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_AUTHORITY = re.compile(r"(?:.*@)?(?:\[[^\[\]]+\]|[^\[\]]+?)(?::[^:\[\]]*)?")
"""Nothing stands before or after the brackets of an IPv6 address, which `urlsplit` would ignore."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Checks that a text is one of `choices`."""

    choices: tuple[str, ...]
    what: str = "choice"

    def __call__(self, text: str) -> str | None:
        """Returns the correction of any other text."""
        return None if text in self.choices else unknown(self.what, text, self.choices)


def timezone(text: str) -> str | None:
    """Checks the name of a time zone of the IANA database."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (ValueError, LookupError, OSError):  # an unknown name, or that of a directory
        return 'must be a time zone of the IANA database, such as "Europe/Paris"'
    return None


# --- addresses of servers ---


def endpoint(text: str) -> str | None:
    """Checks the base URL of an API or of Relais: https (http on loopback), host, path, nothing else."""
    return _url(text, example="https://www.example.com/api", query=False, http=_is_loopback)


def source_url(*, allow_private: bool) -> Check:
    """Makes a check of a file's URL: https; http on loopback, or anywhere if private networks are allowed."""

    def check(text: str) -> str | None:
        return _url(text, example="https://crm.example.com/export.csv", query=True, http=http_allowed)

    def http_allowed(host: str) -> bool:
        return allow_private or _is_loopback(host)

    return check


def receiver_url(stage: str) -> Check:
    """Makes a check of the URL of a back end: https; on stage `local` also http to a literal loopback address."""

    def check(text: str) -> str | None:
        problem = _url(text, example="https://crm.example.com/relais", query=True, http=lambda host: True)
        if problem is not None or urlsplit(text).scheme != "http":
            return problem
        if stage != "local" or not _is_loopback_address(urlsplit(text).hostname or ""):
            return "must begin with https:// (on stage local also http:// to a loopback address, such as 127.0.0.1)"
        return None

    return check


def page(text: str) -> str | None:
    """Checks the URL of a page for browsers: absolute, http or https."""
    return _url(text, example="https://www.example.com/thanks", query=True, http=lambda host: True, fragment=True)


def encoded_url(text: str) -> str:
    """Returns a valid URL in ASCII, as browsers send it: the host as A-labels, the rest percent-encoded in UTF-8.

    What is percent-encoded already stays; a lone % is encoded.
    """
    parts = urlsplit(text)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.replace(*_hosts(parts))
    path, query, fragment = (_percent_encoded(part) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, host, path, query, fragment))


def _hosts(parts: SplitResult) -> tuple[str, str]:
    """Returns the host as written and as A-labels."""
    written = parts.netloc.rpartition("@")[2].partition(":")[0]
    return written, a_labels(written) or written


def _percent_encoded(text: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", text), safe="!#$%&'()*+,/:;=?@[]~")


HIDDEN_ORIGIN = "null"
"""What browsers send in place of the origin of a page that hides it."""
LONGEST_ORIGIN = 300
"""Characters: a host has at most 253."""


def origin(text: str) -> str | None:
    """Checks an origin as browsers send it: `scheme://host[:port]` and nothing after it."""
    example = "https://www.example.com"
    if text == HIDDEN_ORIGIN:
        return None
    if text.lower() == HIDDEN_ORIGIN or "*" in text:
        return f'* is not allowed: name each website, as in {example}; "null" is for plain forms that hide theirs'
    parts = _split(text)
    if parts is None or _port(parts) is None:
        return f"must be scheme://host or scheme://host:port, as in {example}"
    if "@" in parts.netloc or not (text.isascii() and _HOST.fullmatch(parts.hostname or "")):
        return f"must name a plain host (in its xn--… form if it has accents), as in {example}"
    if parts.path or "?" in text or "#" in text:
        return f"must end after the host or port, without a path or a final slash, as in {example}"
    return None


def normal_origin(text: str) -> str:
    """Normalises a valid origin as browsers write it: lower case, without the scheme's default port."""
    if text == HIDDEN_ORIGIN:
        return text
    parts = urlsplit(text.lower())
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _url(text: str, *, example: str, query: bool, http: Callable[[str], bool], fragment: bool = False) -> str | None:
    parts = _split(text)
    if parts is None or _port(parts) is None:
        return f"must be an absolute URL, as in {example}"
    if not parts.netloc.isascii() and a_labels(_hosts(parts)[0]) is None:
        return "has a host that cannot be written in ASCII: give it in its xn--… form"
    if "@" in parts.netloc:
        return "must not hold a user name or password: those have keys of their own"
    if not query and "?" in text:
        return f"must not hold a query (? and what follows), as in {example}"
    if not fragment and "#" in text:
        return f"must not hold a fragment (# and what follows), as in {example}"
    if parts.scheme == "http" and not http(parts.hostname or ""):
        return "must begin with https:// (http:// is for this machine only: localhost, 127.0.0.1, [::1])"
    return None


def _split(text: str) -> SplitResult | None:
    """Splits an http or https URL with a host; None for anything else."""
    if any(character.isspace() for character in text) or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    known = parts.scheme in _DEFAULT_PORTS and parts.hostname
    return parts if known and _AUTHORITY.fullmatch(parts.netloc) else None


def _port(parts: SplitResult) -> int | None:
    """Returns the effective port, None for an invalid one."""
    try:
        port = parts.port
    except ValueError:
        return None
    if port == 0 or parts.netloc.endswith(":"):
        return None
    return _DEFAULT_PORTS[parts.scheme] if port is None else port


def _is_loopback(host: str) -> bool:
    host = host.lower().rstrip(".")
    return host == "localhost" or host.endswith(".localhost") or _is_loopback_address(host)


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- secrets ---


def webhook_secret(text: str) -> str | None:
    """Checks a Standard Webhooks secret: `whsec_` and the key in base64 (the standard advises 24 to 64 bytes)."""
    remedy = f"must be {KEY_PREFIX} followed by at least {_WEBHOOK_BYTES} random bytes in base64"
    if not text.startswith(KEY_PREFIX):
        return remedy
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return remedy
    return remedy if len(key) < _WEBHOOK_BYTES else None


def own_key(text: str) -> str | None:
    """Checks that a key that Relais hashes or signs with is too long to be guessed."""
    if len(text) >= OWN_KEY_CHARACTERS:
        return None
    return f"must be at least {OWN_KEY_CHARACTERS} characters long: openssl rand -base64 32 makes a key"


def admin_key(text: str) -> str | None:
    """Checks that the admin key is too long to be guessed, and that an HTTP header can carry it."""
    if text.isascii() and text.isprintable():
        return own_key(text)
    return own_key(text) or "must be printable ASCII on one line, because it is sent in an HTTP header"
