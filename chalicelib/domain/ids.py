"""Validates event ids, creates ids that sort by time, and derives deterministic ids for repeated requests."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from datetime import datetime

from .limits import ID_CHARACTERS
from .times import epoch_milliseconds

ID_RULE = f"must be 1 to {ID_CHARACTERS} of A–Z a–z 0–9 . _ : -"
ID_PATTERN = rf"[A-Za-z0-9._:-]{{1,{ID_CHARACTERS}}}"
_VALID = re.compile(ID_PATTERN)


def is_valid_id(text: str) -> bool:
    """Returns True for 1 to `ID_CHARACTERS` of A–Z a–z 0–9 . _ : - and nothing else."""
    return _VALID.fullmatch(text) is not None


def new_event_id(now: datetime, random_bytes: Callable[[int], bytes]) -> str:
    """Creates an id: a UUID version 7 (RFC 9562 §5.7), which sorts by its time in milliseconds.

    `random_bytes(n)` returns n random bytes, as `os.urandom` does.
    """
    value = (epoch_milliseconds(now) & (2**48 - 1)) << 80 | int.from_bytes(random_bytes(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # the version
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    return str(uuid.UUID(int=value))


def form_event_id(form: str, event_type: str, idempotency_key: str, content: str) -> str:
    """Derives an event id from a form's `Idempotency-Key`; with another form, type or content it is another event.

    `content` is a keyed digest, so that nobody can find an address by trying ids.
    """
    return "form-" + _digest("form", form, event_type, idempotency_key, content)


def repeatable_signup_id(form: str, content: str, window: int, unsubscribed_at: int) -> str:
    """Derives the id of a plain form signup from its content (a keyed digest), the window of time and an unsubscribe.

    The same content in the same window is another event after an unsubscribe (`unsubscribed_at` in ms, 0: none).
    """
    return "form-" + _digest("repeatable", form, content, str(window), str(unsubscribed_at))


def derived_id(base: str, index: int) -> str:
    """Derives the id of the `index`-th event of a message if only the message has an id (`base`, any text)."""
    return "part-" + _digest("part", base, str(index))


def refused_id(message: str, index: int) -> str:
    """Derives the id under which the `index`-th event of a queue message is stored if it is invalid."""
    return "refused-" + _digest("refused", message, str(index))


def suppression_lift_id(signup: str, account: str) -> str:
    """Derives the id of the signup that a resubscription (`signup`) creates for another account."""
    return "lift-" + _digest("lift", signup, account)


def _digest(*parts: str) -> str:
    """Returns 40 hexadecimal digits over the parts; each part is length-prefixed, so the input is unambiguous."""
    whole = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode("utf-8", "replace") for part in parts))
    return hashlib.sha256(whole).hexdigest()[:40]
