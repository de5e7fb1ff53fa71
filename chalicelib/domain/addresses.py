"""Normalises and hashes e-mail addresses, so that the ledger finds an address without storing it in clear."""

from __future__ import annotations

import hmac
import unicodedata
from base64 import urlsafe_b64encode
from hashlib import sha256

NORMALISATION_VERSION = 1
"""Version of the rules of `normalise`. A change of its result for any address must raise it and register a migration
(`ledger.normalisation`): entries under the old normal form would not be found any more."""


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
