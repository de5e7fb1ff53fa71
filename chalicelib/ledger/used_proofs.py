"""Stores the solutions of challenges that were used, so that each counts for one signup."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds
from .keys import used_proof_key
from .table import ConditionFailed, Table

KEPT = timedelta(days=2)
"""Longer than a challenge may be solved."""
REPEATED = timedelta(minutes=10)
"""How long the same signup may come again with its solution: a repeat of it is the same event for no longer."""


def use_solution(table: Table, challenge: str, content: str, now: datetime) -> bool:
    """Uses the solution of a challenge for a signup; False if another signup has used it.

    `content` is a digest of the signup: the same one may come again soon, since its first answer may have been lost.
    Raises LedgerUnavailable.
    """
    pk, sk = used_proof_key(challenge)
    expires = int((now + KEPT).timestamp())
    try:
        table.put_new({"pk": pk, "sk": sk, "content": content, "used": to_ms(now), "expires_at": expires})
    except ConditionFailed as used:
        at = used.found.get("used", 0)
        return used.found.get("content") == content and now - from_epoch_milliseconds(at) < REPEATED
    return True
