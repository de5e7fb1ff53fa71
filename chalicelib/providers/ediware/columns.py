"""Which column of a list holds the address: asked of Ediware, kept for a while, asked once for all who wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

from ...domain.errors import Kind, ProviderError
from ..transport.exchange import Deadline
from .client import Client
from .models import MailingList

KEPT_SECONDS = 600.0
SETTLED_SECONDS = 30.0
"""A column this young is not doubted: a chunk that is split row by row would else ask anew at every refusal."""


class Columns:
    """The address columns of one account's lists, the sub-accounts' included. Safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: Mapping[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._failed: tuple[float, str, ProviderError] | None = None

    def of(self, list_id: str, deadline: Deadline) -> str:
        """The address column of a list, from what is kept or from Ediware.

        Raises `ProviderError`: account (the list only) for a list that is nowhere or has no such column; else what the
        look-up met. Never unknown: a look-up changes nothing.
        """
        asked = time.monotonic()
        kept = self._kept(list_id)
        if kept is not None:
            return kept
        if not self._lock.acquire(timeout=max(deadline.left(), 0.0)):
            raise ProviderError(Kind.LATER, "list_list: no answer in time")
        try:
            return self._kept(list_id) or self._look_up_unless_failed(list_id, asked, deadline)
        finally:
            self._lock.release()

    def exists(self, list_id: str, deadline: Deadline) -> bool:
        """Is the list there now? Asks Ediware afresh."""
        return any(list_id in self._learn(lists) for lists in self._lists(deadline))

    def doubt(self, list_id: str) -> None:
        """Forget a list's column after a refusal, unless it was learnt just now."""
        known = self._known.get(list_id)
        if known is not None and time.monotonic() - known[1] > SETTLED_SECONDS:
            self._known = {other: column for other, column in self._known.items() if other != list_id}

    def _kept(self, list_id: str) -> str | None:
        column, learnt = self._known.get(list_id, ("", 0.0))
        return column if column and time.monotonic() - learnt < KEPT_SECONDS else None

    def _look_up_unless_failed(self, list_id: str, asked: float, deadline: Deadline) -> str:
        """Look up, or share the failure of a look-up that ended while this thread waited for it."""
        if (
            self._failed is not None
            and self._failed[0] > asked
            and (self._failed[1] == list_id or not self._failed[2].list_only)
        ):
            raise self._failed[2]
        try:
            return self._look_up(list_id, deadline)
        except ProviderError as error:
            self._failed = (time.monotonic(), list_id, error)
            raise

    def _look_up(self, list_id: str, deadline: Deadline) -> str:
        for lists in self._lists(deadline):
            found = self._learn(lists).get(list_id)
            if found:
                return found
            if found is not None:
                why = f"list {list_id} has no column for the address"
                raise ProviderError(Kind.ACCOUNT, why, list_only=True)
        why = f"list {list_id} is not among the lists of the account or its sub-accounts"
        raise ProviderError(Kind.ACCOUNT, why, list_only=True)

    def _learn(self, lists: tuple[MailingList, ...]) -> dict[str, str]:
        """Keep the columns of these lists and return them."""
        now = time.monotonic()
        columns = {each.id: each.field_email for each in lists}
        self._known = {**self._known, **{list_id: (column, now) for list_id, column in columns.items()}}
        return columns

    def _lists(self, deadline: Deadline) -> Iterator[tuple[MailingList, ...]]:
        """The main account's lists, then each sub-account's, as far as somebody goes on asking."""
        try:
            yield self._client.list_list(budget=deadline.left())
            for user in self._client.user_list(budget=deadline.left()):
                yield self._client.list_list(user.id, budget=deadline.left())
        except ProviderError as error:
            if error.kind is not Kind.CALLER:
                raise
            refused = error
        else:
            return
        # Nothing that a signup holds is in these calls, so no refusal of them may ever be laid at its door.
        raise ProviderError(Kind.ACCOUNT, refused.message, provider_code=refused.provider_code)
