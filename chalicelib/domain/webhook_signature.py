"""Signs as Standard Webhooks do: HMAC-SHA256 over `id.timestamp.body`, version 1.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
KEY_PREFIX = "whsec_"
"""What every secret begins with."""
VERSION = b"v1,"


def sign(secret: str, content: bytes) -> bytes:
    """Returns the signature of `content` with a `whsec_…` secret: `v1,` and base64."""
    key = base64.b64decode(secret.removeprefix(KEY_PREFIX))
    return VERSION + base64.b64encode(hmac.digest(key, content, sha256))
