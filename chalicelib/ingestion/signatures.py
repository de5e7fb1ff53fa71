"""Verifies request signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..config.model import Webhook
from ..config.secrets import Secret
from ..domain.errors import RelaisError, SecretUnavailable
from ..domain.limits import CLOCK_TOLERANCE, CLOCK_TOLERANCE_MINUTES
from ..domain.times import from_epoch_milliseconds
from ..domain.webhook_signature import ID, SIGNATURE, TIMESTAMP, VERSION, sign
from ..observability import logger

# Eleven digits reach the year 5138; the limit avoids the conversion of very long numbers.
SECONDS_PATTERN = "[0-9]{1,11}"
_SECONDS = re.compile(SECONDS_PATTERN)


class NotSigned(RelaisError):
    """A request without a valid, recent signature of a configured webhook. The message tells the sender what to fix."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request's own id and time, and the webhooks whose secret signed it (at least one, in configured order)."""

    id: str
    at: datetime
    webhooks: tuple[Webhook, ...]


def verify(webhooks: Iterable[Webhook], headers: Mapping[str, str], body: bytes, now: datetime) -> Signed:
    """Finds the webhooks that signed `body` with these headers (names in lower case), with any of their secrets.

    Raises:
        NotSigned: A header is missing or malformed, the time is off, or no secret matches.
        SecretUnavailable: No readable secret matches, and a secret could not be read.
    """
    given = [headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE)]
    if not all(given):
        raise NotSigned(f"The headers {ID}, {TIMESTAMP} and {SIGNATURE} are required.")
    request_id, timestamp, signature = given
    at = _moment(timestamp, now)
    content = b".".join([_bytes(request_id), _bytes(timestamp), body])
    signatures = [one for one in _bytes(signature).split(b" ") if one.startswith(VERSION)]
    if not signatures:
        raise NotSigned(f"{SIGNATURE} must hold a signature of version 1: v1, and base64.")
    return Signed(request_id, at, _signers(webhooks, content, signatures))


def _moment(timestamp: str, now: datetime) -> datetime:
    if _SECONDS.fullmatch(timestamp) is None:
        raise NotSigned(f"{TIMESTAMP} must be whole seconds since 1970.")
    at = from_epoch_milliseconds(int(timestamp) * 1000)
    if abs(now - at) > CLOCK_TOLERANCE:
        raise NotSigned(f"{TIMESTAMP} is more than {CLOCK_TOLERANCE_MINUTES} minutes off.")
    return at


def _signers(webhooks: Iterable[Webhook], content: bytes, signatures: Sequence[bytes]) -> tuple[Webhook, ...]:
    """Returns the webhooks with a secret that made one of `signatures`. Tries all, so that timing reveals nothing."""
    unavailable: list[SecretUnavailable] = []
    found: list[Webhook] = []
    for webhook in webhooks:
        matching = [_matches(secret, content, signatures, unavailable) for secret in webhook.secrets]
        if any(matching):
            found.append(webhook)
    if found:
        return tuple(found)
    if unavailable:
        raise unavailable[0]
    raise NotSigned(f"No signature in {SIGNATURE} is right for this id, time and body.")


def _matches(secret: Secret, content: bytes, signatures: Sequence[bytes], unavailable: list[SecretUnavailable]) -> bool:
    try:
        expected = sign(secret.reveal(), content)
    except SecretUnavailable as error:
        logger.error("webhook secret unavailable: %s", error)
        unavailable.append(error)
        return False
    equal = [hmac.compare_digest(expected, one) for one in signatures]
    return any(equal)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
