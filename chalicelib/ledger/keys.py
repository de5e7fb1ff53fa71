"""How the ledger's items are addressed, and which key an address is hashed with."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import assert_never
from zlib import crc32

from ..domain import addresses
from ..domain.events import EventType
from .table import Key

EVERY_ACCOUNT = "*"
SHARDS = 4
"""Index partitions for each account and verb: one partition takes 1,000 writes a second."""
_HELD_BACK = SHARDS
"""Comes after them, for unsubscribes that were held back when they were accepted."""


def event_key(event_id: str) -> Key:
    """The event itself; with one account also its delivery."""
    return f"E#{event_id}", "E"


def delivery_key(event_id: str, account: str, accounts: Sequence[str]) -> Key:
    """A delivery: the event's own item where it has one account, else an item beside it."""
    return event_key(event_id) if len(accounts) == 1 else (f"E#{event_id}", f"D#{account}")


def account_key(account: str) -> Key:
    """An account's state."""
    return f"S#{account}", "state"


def event_id_of(pk: str) -> str:
    """The id of an event from its partition key."""
    return pk.removeprefix("E#")


def due_partition(account: str, verb: EventType, shard: int) -> str:
    """A partition of the `due` index."""
    return f"{account}#{verb.value}#{shard}"


def held_back_partition(account: str) -> str:
    """The partition of the `due` index for unsubscribes that were held back when they were accepted.

    They are due a day later than others, and in a partition of their own come in the order in which they were accepted.
    """
    return due_partition(account, EventType.UNSUBSCRIBE, _HELD_BACK)


def due_partitions(account: str, verb: EventType) -> list[str]:
    """All partitions of the `due` index in which deliveries of that verb may stand."""
    usual = [due_partition(account, verb, shard) for shard in range(SHARDS)]
    match verb:
        case EventType.UNSUBSCRIBE:
            return [*usual, held_back_partition(account)]
        case EventType.SIGNUP | EventType.SYNC:
            return usual
        case _:
            assert_never(verb)


def form_hour_key(form: str, hour: str) -> Key:
    """What a form brought in an hour, which is named by its beginning."""
    return f"S#form#{form}", hour


def shard_of(event_id: str) -> int:
    """Which of the `SHARDS` an event's deliveries stand in."""
    return crc32(event_id.encode()) % SHARDS


class AddressKeys:
    """The keys of the address hash: the first writes, all are looked up."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def partition(self, email: str) -> str:
        """The partition under which an address is written."""
        return f"A#{addresses.keyed_hash(email, self._keys[0])}"

    def older_partitions(self, email: str) -> list[str]:
        """The partitions under which earlier keys may have written the same address."""
        return [f"A#{addresses.keyed_hash(email, key)}" for key in self._keys[1:]]

    def hashes(self, email: str) -> list[str]:
        """The keyed hash of an address under every key, the first that of the key that writes."""
        return [addresses.keyed_hash(email, key) for key in self._keys]

    def fingerprints(self) -> set[str]:
        """The fingerprint of every key."""
        return {addresses.fingerprint(key) for key in self._keys}

    def digest(self, content: bytes) -> str:
        """A keyed digest of an event's content under the first key."""
        return hmac.digest(self._keys[0], content, sha256).hex()[:32]

    def row_digest(self, name: str | None = None) -> tuple[str, Callable[[bytes], bytes]]:
        """A keyed digest of rows (32 bytes), under the key whose fingerprint is `name` or else the first.

        Gives that fingerprint with it: what was hashed with a key is found again with the same one only.
        """
        known = {addresses.fingerprint(key): key for key in self._keys}
        used = name if name in known else addresses.fingerprint(self._keys[0])
        key = known[used]
        return used, lambda content: hmac.digest(key, b"row " + content, sha256)

    def matches(self, content: bytes, digest: str) -> bool:
        """Is `digest` that of `content` under any of the keys?"""
        return any(hmac.compare_digest(hmac.digest(key, content, sha256).hex()[:32], digest) for key in self._keys)
