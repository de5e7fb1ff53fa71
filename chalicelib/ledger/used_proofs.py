"""Remembers the solutions of challenges that were used, so that each counts for one signup."""

from __future__ import annotations

from datetime import datetime, timedelta

from .keys import used_proof_key
from .table import ConditionFailed, Table

KEPT = timedelta(days=2)
"""Longer than a challenge may be solved."""


def use(table: Table, challenge: str, content: str, now: datetime) -> bool:
    """Uses the solution of a challenge for a signup; False if another signup has used it.

    `content` is a digest of the signup: the same one may come again, since its first answer may have been lost. Raises
    LedgerUnavailable.
    """
    pk, sk = used_proof_key(challenge)
    try:
        table.put_new({"pk": pk, "sk": sk, "content": content, "expires_at": int((now + KEPT).timestamp())})
    except ConditionFailed as used:
        return used.found.get("content") == content
    return True
