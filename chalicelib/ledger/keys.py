"""Defines the keys of all ledger items, and the keys that addresses are hashed with."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import assert_never
from zlib import crc32

from ..domain import addresses
from ..domain.events import EventType, Status
from ..domain.times import format_time
from .table import Key

EVERY_ACCOUNT = "*"
CHECK_KEY: Key = ("S#check", "last")
"""The key of what the last `check` found."""
QUEUES_KEY: Key = ("S#queues", "waiting")
"""The key of since when messages wait on the queues."""
SHARDS = 4
"""Index partitions for each account and event type: one partition takes 1,000 writes a second."""
_QUARANTINE_SHARD = SHARDS
"""Number of the partition after them, for unsubscribes that were quarantined."""


def event_key(event_id: str) -> Key:
    """Returns the key of an event; with one account the item also holds the delivery."""
    return f"E#{event_id}", "E"


def delivery_key(event_id: str, account: str, accounts: Sequence[str]) -> Key:
    """Returns the key of a delivery: the event's own item if it has one account, else a separate item."""
    return event_key(event_id) if len(accounts) == 1 else (f"E#{event_id}", f"D#{account}")


def refused_partition(event_id: str) -> str:
    """Returns the partition of the references to messages that were refused under this event id."""
    return f"R#{event_id}"


def account_key(account: str) -> Key:
    """Returns the key of an account's state."""
    return f"S#{account}", "state"


def event_id_of(pk: str) -> str:
    """Returns the id of an event from its partition key."""
    return pk.removeprefix("E#")


def due_partition(account: str, verb: EventType, event_id: str) -> str:
    """Returns the partition of the `due` index for an event's delivery to an account: one of `SHARDS` for each type."""
    return f"{account}#{verb.value}#{crc32(event_id.encode()) % SHARDS}"


def quarantine_partition(account: str) -> str:
    """Returns the partition of the `due` index for unsubscribes that were quarantined.

    They are due a day later than others; a separate partition returns them in the order of acceptance.
    """
    return f"{account}#{EventType.UNSUBSCRIBE.value}#{_QUARANTINE_SHARD}"


def due_partitions(account: str, verb: EventType) -> list[str]:
    """Returns all partitions of the `due` index that may contain deliveries of that event type."""
    usual = [f"{account}#{verb.value}#{shard}" for shard in range(SHARDS)]
    match verb:
        case EventType.UNSUBSCRIBE:
            return [*usual, quarantine_partition(account)]
        case EventType.SIGNUP | EventType.SYNC:
            return usual
        case _:
            assert_never(verb)


def attention_partition(account: str, status: Status) -> str:
    """Returns the partition of the `due` index for deliveries that ended as parked or refused and need attention.

    Sweep never reads it. Its sort key `due_at` is the time of acceptance, in milliseconds.
    """
    return f"{account}#{status.value}"


def recent_unsubscribe_key(address_hash: str) -> Key:
    """Returns the key of the time at which an unsubscribe of an address was last stored."""
    return f"U#{address_hash}", "unsubscribed"


def form_hour_key(form: str, hour: str) -> Key:
    """Returns the key of a form's counter for an hour, named by its start."""
    return f"S#form#{form}", hour


def wrong_keys_key(sender: str, start: datetime) -> Key:
    """Returns the key of the counter of wrong admin keys, by the sender (a keyed hash) and the start of the window."""
    return f"S#admin#{sender}", format_time(start)


def ended_session_key(session_id: str) -> Key:
    """Returns the key that stands for a dashboard session that was ended before it expired."""
    return f"S#session#{session_id}", "ended"


def operator_call_key(function: str, idempotency_key: str) -> Key:
    """Returns the key of an operator's call of a function."""
    return f"S#call#{idempotency_key}", function


class AddressKeys:
    """The keys of the address hash: the first is used to write, all are used to look up.

    `read` reads them again where they are stored.
    """

    def __init__(self, keys: Sequence[bytes], read: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._keys = tuple(keys)
        self._read = read

    def renew(self) -> None:
        """Reads the keys again: a value that was overwritten may be right now. Raises SecretUnavailable."""
        if self._read is not None:
            self._keys = tuple(self._read())

    def partition(self, email: str) -> str:
        """Returns the partition under which an address is written."""
        return f"A#{addresses.keyed_hash(email, self._keys[0])}"

    def partitions(self, email: str) -> list[str]:
        """Returns all partitions under which the address may be stored, the one that is written to first."""
        return [f"A#{addresses.keyed_hash(email, key)}" for key in self._keys]

    def partitions_of_readings(self, email: str) -> list[str]:
        """Returns the partitions of every mailbox that an address may mean, under every key."""
        return [partition for reading in addresses.readings(email) for partition in self.partitions(reading.clean)]

    def hashes(self, email: str) -> list[str]:
        """Returns the keyed hash of an address under every key, that of the writing key first."""
        return [addresses.keyed_hash(email, key) for key in self._keys]

    def fingerprints(self) -> set[str]:
        """Returns the fingerprint of every key."""
        return {addresses.fingerprint(key) for key in self._keys}

    @property
    def writing_fingerprint(self) -> str:
        """The fingerprint of the key that addresses are written with."""
        return addresses.fingerprint(self._keys[0])

    def digest(self, content: bytes) -> str:
        """Returns a keyed digest of content under the oldest key, which neither a later key nor going back changes."""
        return hmac.digest(self._keys[-1], content, sha256).hex()[:32]

    def lasting_hash(self, email: str) -> str:
        """Returns the keyed hash of an address under the oldest key, which no later key changes."""
        return addresses.keyed_hash(email, self._keys[-1])

    def row_digest(self, name: str | None = None) -> tuple[str, Callable[[bytes], bytes]]:
        """Returns the fingerprint of the key `name` (else of the oldest key) and a row digest (32 bytes) under it.

        Rows hashed with a key can be found again with the same key only.
        """
        known = {addresses.fingerprint(key): key for key in self._keys}
        used = name if name in known else addresses.fingerprint(self._keys[-1])
        key = known[used]
        return used, lambda content: hmac.digest(key, b"row " + content, sha256)

    def matches(self, content: bytes, digest: str) -> bool:
        """Returns True if `digest` is that of `content` under any of the keys."""
        return any(hmac.compare_digest(hmac.digest(key, content, sha256).hex()[:32], digest) for key in self._keys)
