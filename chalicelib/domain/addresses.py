"""Validates, normalises, hashes and masks e-mail addresses. No message quotes an address."""

from __future__ import annotations

import hmac
import unicodedata
from base64 import urlsafe_b64encode
from hashlib import sha256
from itertools import dropwhile, islice, takewhile

MAX_LENGTH = 254
"""Maximum characters of an address: the longest that SMTP allows (RFC 5321 §4.5.3.1.3, without its brackets)."""
NORMALISATION_VERSION = 1
"""Version of the rules of `normalise`. A change of its result for any address must raise it and register a migration
(`ledger.normalisation`): entries under the old normal form would not be found any more."""

BULLETS = "•••"
_MOST_ACCENTS = 4


def address_error(address: str, *, strict: bool = False) -> str | None:
    """Returns why a trimmed address is invalid, or None. Makes no DNS query.

    `strict` is for signups. For unsubscribes the check is as lenient as possible: a person subscribed under an unusual
    address must be able to unsubscribe.
    """
    if not address:
        return "must be an e-mail address"
    if len(address) > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters"
    if not address.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in address):
        return "must not contain control characters"
    name, at, domain = address.partition("@")
    if not at or "@" in domain:
        return "must contain exactly one @"
    if not name or not domain:
        return "must have something on both sides of the @"
    if strict:
        # Imported here: only signups need it, and it would slow down a cold start.
        from email_validator import EmailNotValidError, validate_email

        try:
            # `test_environment` accepts names under .test, which RFC 6761 reserves for tests.
            validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            return "is not a valid e-mail address"  # the library's message may quote the address
    return None


def normalise(email: str) -> str:
    """Returns the form common to all spellings of `email`: trimmed, NFC, lower case, the domain as A-labels.

    A `+tag` is retained: it may be another mailbox. A domain that IDNA rejects is left unchanged, since an unsubscribe
    must be accepted for any address that may be subscribed.
    """
    lower = unicodedata.normalize("NFC", email.strip()).lower()  # lower-casing some letters undoes NFC
    local, _, domain = unicodedata.normalize("NFC", lower).rpartition("@")
    return f"{local}@{_a_label(domain)}"


def keyed_hash(email: str, key: bytes) -> str:
    """Returns the HMAC-SHA-256 of the normalised address under `key`, as 43 URL-safe characters."""
    return _base64url(hmac.digest(key, normalise(email).encode(), sha256))


def fingerprint(key: bytes) -> str:
    """Returns a short name for `key` that does not reveal it, to record which keys the ledger was written with."""
    return _base64url(hmac.digest(key, b"relais address key", sha256))[:12]


def masked(address: str) -> str:
    """Returns `a•••@example.com` for `anna@example.com`; always three bullets, so that the length is hidden.

    The first letter retains its combining accents. Invisible characters and those that reverse the surrounding text
    (white space, format characters such as U+202E) are removed.
    """
    local, _, domain = address.rpartition("@")
    return f"{_first_letter(_visible(local))}{BULLETS}@{_visible(domain)}"


def _a_label(domain: str) -> str:
    if domain.isascii():
        return domain
    import idna  # imported here: its tables take 10 ms to load and nearly every domain is ASCII

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def _base64url(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _first_letter(text: str) -> str:
    letters = dropwhile(_is_mark, text)
    return next(letters, "") + "".join(islice(takewhile(_is_mark, letters), _MOST_ACCENTS))


def _visible(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character)[0] not in "CZ")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
