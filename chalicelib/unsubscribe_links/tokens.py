"""Unsubscribe tokens: an address that nobody else can read, and that only a holder of a key can have written.

base64url without padding of: version (1 byte) | nonce (12 random bytes) | AES-256-GCM of the address | its tag (16
bytes), with the version as associated data, under HMAC-SHA-256 of a label by the configured key. The recipe for other
languages is docs/unsubscribe-links.md. A change here needs another version: mails with such links are read for years.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

VERSION = b"\x01"
NONCE_BYTES = 12
_LABEL = b"relais unsubscribe v1"
_TAG_BYTES = 16
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,2000}")  # 254 characters of an address are at most 1,016 bytes


def seal(address: str, key: str, nonce: bytes) -> str:
    """The token of a trimmed address. `nonce` are 12 random bytes, never used twice under one key."""
    # Imported here, as below: only links need it, and no other cold start should wait for it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return _encoded(VERSION + nonce + AESGCM(_cipher_key(key)).encrypt(nonce, address.encode(), VERSION))


def unseal(token: str, key: str) -> str | None:
    """The address in a token, None unless it was made under `key` and not one bit of it was changed since."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = _decoded(token)
    if raw is None or raw[:1] != VERSION or len(raw) <= 1 + NONCE_BYTES + _TAG_BYTES:
        return None
    nonce, sealed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        return AESGCM(_cipher_key(key)).decrypt(nonce, sealed, VERSION).decode()
    except (InvalidTag, UnicodeDecodeError):
        return None


def _cipher_key(key: str) -> bytes:
    """The AES key: whatever length the configured one has, this has 32 bytes, and no other use of it is like this."""
    return hmac.digest(key.encode(), _LABEL, sha256)


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(token: str) -> bytes | None:
    """The bytes of a token in its one spelling; Python's decoder would also take others."""
    if _BASE64URL.fullmatch(token) is None or len(token) % 4 == 1:
        return None
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return raw if _encoded(raw) == token else None
