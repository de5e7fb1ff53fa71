"""Encrypts and authenticates the address of an unsubscribe link, or the event's id of a confirmation link, as a token.

base64url without padding of: version (1 byte) | nonce (12 random bytes) | AES-256-GCM of the address | its tag (16
bytes), with the version as associated data, under HMAC-SHA-256 of a label by the configured key. The recipe for other
languages is docs/unsubscribe-links.md. A change needs another version: mails with such links stay in use for years.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256

from ..config.secrets import Secret
from ..domain.errors import SecretUnavailable

VERSION = b"\x01"
NONCE_BYTES = 12
UNSUBSCRIBE = b"relais unsubscribe v1"
CONFIRM = b"relais confirm v1"
"""Labels of the purposes: a token of one is none of the other."""
_TAG_BYTES = 16
_APPENDED = re.compile(r"[^A-Za-z0-9_-]")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,2000}")  # 254 characters of an address are at most 1,016 bytes


def seal(content: str, key: str, nonce: bytes, purpose: bytes = UNSUBSCRIBE) -> str:
    """Returns the token of a trimmed address or an id. `nonce`: 12 random bytes, never reused under one key."""
    # Imported here and below: only links need it, and other cold starts should not load it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = VERSION + nonce + AESGCM(_cipher_key(key, purpose)).encrypt(nonce, content.encode(), VERSION)
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unseal(token: str, key: str, purpose: bytes = UNSUBSCRIBE) -> str | None:
    """Returns the content of a token; None unless it was made with `key` for `purpose` and is unchanged."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = _decoded(token)
    if raw is None or raw[:1] != VERSION or len(raw) <= 1 + NONCE_BYTES + _TAG_BYTES:
        return None
    nonce, sealed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        return AESGCM(_cipher_key(key, purpose)).decrypt(nonce, sealed, VERSION).decode()
    except (InvalidTag, UnicodeDecodeError):
        return None


def read_link(token: str, keys: Iterable[Secret], purpose: bytes) -> str | None:
    """Returns the content of a link's token that was made with one of `keys`; None if it is not genuine.

    Text that a mail program took for a part of the link, such as a full stop or a bracket, is cut off. Raises
    SecretUnavailable if a key that the token may have been made with cannot be read now.
    """
    token = _APPENDED.split(token, maxsplit=1)[0]
    unreadable: SecretUnavailable | None = None
    for key in keys:
        try:
            content = unseal(token, key.reveal(), purpose)
        except SecretUnavailable as error:
            unreadable = error
            continue
        if content is not None:
            return content
    if unreadable is not None:
        raise unreadable
    return None


def _cipher_key(key: str, purpose: bytes) -> bytes:
    """Derives the AES key: 32 bytes from a configured key of any length, separated from other uses by its purpose."""
    return hmac.digest(key.encode(), purpose, sha256)


def _decoded(token: str) -> bytes | None:
    """Decodes a token in its canonical form; Python's decoder would also accept others."""
    if _BASE64URL.fullmatch(token) is None or len(token) % 4 == 1:
        return None
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == token.encode("ascii") else None
