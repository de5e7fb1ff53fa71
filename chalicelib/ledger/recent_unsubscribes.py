"""Stores for an hour when an address last unsubscribed: a signup after that is no repeat of one before it."""

from __future__ import annotations

from datetime import timedelta

from ..domain.addresses import readings
from ..domain.events import Event
from ..domain.times import epoch_milliseconds
from .attributes import Attributes, Milliseconds, strictly
from .keys import AddressKeys, recent_unsubscribe_key
from .table import Table

EXPIRES_AFTER = timedelta(hours=1)


class RecentUnsubscribes:
    """Writes and reads when an unsubscribe of an address was last stored."""

    def __init__(self, table: Table, keys: AddressKeys) -> None:
        self._table = table
        self._keys = keys

    def record(self, unsubscribe: Event) -> None:
        """Records an unsubscribe that is about to be stored, for each mailbox that its address may mean."""
        at = unsubscribe.accepted_at
        values = {"at": epoch_milliseconds(at), "expires": int((at + EXPIRES_AFTER).timestamp())}
        for reading in readings(unsubscribe.email):
            self._table.try_update(
                recent_unsubscribe_key(self._keys.lasting_hash(reading.clean)),
                "SET stored_at = :at, expires_at = :expires",
                values,
                condition="attribute_not_exists(stored_at) OR stored_at < :at",
            )

    def latest(self, email: str) -> int | None:
        """Reads when an unsubscribe of a clean address was last stored (ms); None if not within the last hour."""
        item = self._table.get(recent_unsubscribe_key(self._keys.lasting_hash(email)))
        return strictly(_stored_at, item) if item else None


def _stored_at(item: Attributes) -> int:
    return item.required("stored_at", Milliseconds)
