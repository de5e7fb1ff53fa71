"""Finds which column of a list holds the address: asks Ediware, once for all who wait, and caches the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping

from ...domain.errors import Kind, ProviderError
from ..transport.exchange import Deadline
from .client import Client
from .models import MailingList

CACHED_SECONDS = 600.0
TRUSTED_SECONDS = 30.0
"""A column this young is not looked up again: a batch that is bisected would else cause a look-up at every refusal."""


class CachedAddressColumns:
    """The address columns of one account's lists, the sub-accounts' included. Safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: Mapping[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._failed: tuple[float, str, ProviderError] | None = None

    def of(self, list_id: str, deadline: Deadline) -> str:
        """Returns the address column of a list, from the cache or from Ediware.

        Raises `ProviderError`: account (the list only) for a list that does not exist or has no such column; else what
        the look-up raises. Never unknown: a look-up changes nothing.
        """
        asked = time.monotonic()
        cached = self._cached(list_id)
        if cached is not None:
            return cached
        if not self._lock.acquire(timeout=max(deadline.left(), 0.0)):
            raise ProviderError(Kind.LATER, "list_list: no answer in time")
        try:
            return self._cached(list_id) or self._look_up_unless_failed(list_id, asked, deadline)
        finally:
            self._lock.release()

    def exists(self, list_id: str, deadline: Deadline) -> bool:
        """Asks Ediware whether the list exists now."""
        return any(list_id in self._learn(lists) for lists in self._lists(deadline))

    def read_names(self, wanted: Collection[str], deadline: Deadline) -> dict[str, str]:
        """Asks Ediware for the names of lists by their ids, until all `wanted` are found; caches their columns."""
        names: dict[str, str] = {}
        for lists in self._lists(deadline):
            self._learn(lists)
            names |= {each.id: each.name for each in lists}
            if names.keys() >= set(wanted):
                break
        return names

    def forget(self, list_id: str) -> None:
        """Drops a list's column after a refusal, unless it was learnt just now."""
        known = self._known.get(list_id)
        if known is not None and time.monotonic() - known[1] > TRUSTED_SECONDS:
            self._known = {other: column for other, column in self._known.items() if other != list_id}

    def _cached(self, list_id: str) -> str | None:
        column, learnt = self._known.get(list_id, ("", 0.0))
        return column if column and time.monotonic() - learnt < CACHED_SECONDS else None

    def _look_up_unless_failed(self, list_id: str, asked: float, deadline: Deadline) -> str:
        """Looks up the column, or shares the failure of a look-up that ended while this thread waited for it."""
        if self._failed is not None:
            ended, failed_list, error = self._failed
            if ended > asked and (failed_list == list_id or not error.list_only):
                raise error
        try:
            return self._look_up(list_id, deadline)
        except ProviderError as error:
            self._failed = (time.monotonic(), list_id, error)
            raise

    def _look_up(self, list_id: str, deadline: Deadline) -> str:
        reason = f"list {list_id} is not among the lists of the account or its sub-accounts"
        for lists in self._lists(deadline):
            column = self._learn(lists).get(list_id)
            if column:
                return column
            if column is not None:
                reason = f"list {list_id} has no column for the address"
                break
        raise ProviderError(Kind.ACCOUNT, reason, list_only=True)

    def _learn(self, lists: tuple[MailingList, ...]) -> dict[str, str]:
        """Caches the columns of these lists and returns them."""
        now = time.monotonic()
        columns = {each.id: each.field_email for each in lists}
        self._known = {**self._known, **{list_id: (column, now) for list_id, column in columns.items()}}
        return columns

    def _lists(self, deadline: Deadline) -> Iterator[tuple[MailingList, ...]]:
        """Yields the main account's lists, then each sub-account's, each asked for when it is needed."""
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
        # These calls hold nothing of a signup, so the signup is never to blame for their refusal.
        raise ProviderError(Kind.ACCOUNT, refused.message, provider_code=refused.provider_code)
