"""One person, one key: how an address is normalised and hashed so that the ledger finds it again without showing it."""

from __future__ import annotations

import hmac
import unicodedata
from base64 import urlsafe_b64encode
from hashlib import sha256

NORMALISATION_VERSION = 1
"""Of the rules of `normalise`. Whoever changes what it gives for any address raises it and registers a migration
(`ledger.normalisation`): what stands in the ledger under the old normal form would not be found any more."""


def normalise(email: str) -> str:
    """The form of `email` under which all its spellings meet: trimmed, NFC, lower case, the domain as A-labels.

    A `+tag` stays: it is another mailbox for all that is known. A domain that IDNA refuses is kept as it is, since an
    unsubscribe must be held for any address that somebody could have been subscribed with.
    """
    lower = unicodedata.normalize("NFC", email.strip()).lower()  # of some letters that is not NFC again
    local, _, domain = unicodedata.normalize("NFC", lower).rpartition("@")
    return f"{local}@{_a_label(domain)}"


def keyed_hash(email: str, key: bytes) -> str:
    """HMAC-SHA-256 of the normalised address under `key`, as 43 URL-safe characters."""
    return _base64url(hmac.digest(key, normalise(email).encode(), sha256))


def fingerprint(key: bytes) -> str:
    """A short name for `key` that tells nothing about it, so that the ledger can say which keys it was written with."""
    return _base64url(hmac.digest(key, b"relais address key", sha256))[:12]


def _a_label(domain: str) -> str:
    if domain.isascii():
        return domain
    import idna  # its tables take 10 ms to load and nearly every domain is ASCII

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def _base64url(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
