"""Defines the keys of all ledger items, and the keys that addresses are hashed with."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from ..domain import addresses
from ..domain.events import EventType, Status
from ..domain.times import epoch_milliseconds, format_time
from .table import Key

EVERY_ACCOUNT = "*"
CHECK_KEY: Key = ("S#check", "last")
"""The key of what the last `check` found."""
CANARY_KEY: Key = ("S#canary", "last")
"""The key of the signup that `canary` posted last."""
QUEUES_KEY: Key = ("S#queues", "waiting")
"""The key of since when messages wait on the queues."""
UNCONFIRMED_PARTITION = "*#unconfirmed"
"""The partition of the `due` index for signups that wait for their confirmation, of all accounts: no account's pause
keeps their mails back, or their data beyond its time."""
LATEST = 9_999_999_999_999
"""The latest time of a sort key of the `due` index, in milliseconds: as many digits as every other."""


class IndexRange(StrEnum):
    """Prefixes of the sort keys of the `due` index, which sort the entries of an account.

    An account has one partition, so that one query can read neighbouring ranges together. Upwards from the unsubscribes
    is what waits for delivery, in the order of urgency; downwards from the quarantined deliveries is what needs a
    person, with the range that may be the largest at the end.
    """

    REFUSED = "1-refused"
    PARKED = "2-parked"
    QUARANTINED_SIGNUP = "3-quarantined-signup"
    QUARANTINED_UNSUBSCRIBE = "3-quarantined-unsubscribe"
    UNSUBSCRIBE = "4-unsubscribe"
    SIGNUP = "5-signup"
    SYNC = "6-sync"


WAITING: Mapping[EventType, IndexRange] = {
    EventType.UNSUBSCRIBE: IndexRange.UNSUBSCRIBE,
    EventType.SIGNUP: IndexRange.SIGNUP,
    EventType.SYNC: IndexRange.SYNC,
}
"""The range of what is pending and not quarantined, by the event's type."""
QUARANTINED: Mapping[EventType, IndexRange] = {
    EventType.UNSUBSCRIBE: IndexRange.QUARANTINED_UNSUBSCRIBE,
    EventType.SIGNUP: IndexRange.QUARANTINED_SIGNUP,
}
"""The range of what is quarantined, by the event's type."""
_ENDED = {Status.REFUSED: IndexRange.REFUSED, Status.PARKED: IndexRange.PARKED}


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


def due_entry(account: str, event_type: EventType, due: datetime) -> dict[str, str]:
    """Returns the place in the `due` index of a delivery that is pending and not quarantined."""
    return _entry(account, WAITING[event_type], due)


def quarantine_entry(account: str, event_type: EventType, until: datetime) -> dict[str, str]:
    """Returns the place in the `due` index of a quarantined delivery, which is due when its quarantine ends."""
    return _entry(account, QUARANTINED[event_type], until)


def attention_entry(account: str, status: Status, accepted: datetime) -> dict[str, str]:
    """Returns the place in the `due` index of a delivery that ended as parked or refused. Sweep never reads it."""
    return _entry(account, _ENDED[status], accepted)


def _entry(account: str, part: IndexRange, at: datetime) -> dict[str, str]:
    return {"due_pk": account, "due_sk": sort_key(part, epoch_milliseconds(at))}


def swept_ranges(event_type: EventType) -> tuple[IndexRange, ...]:
    """Returns the ranges of the `due` index that may contain pending deliveries of that type."""
    return (WAITING[event_type], QUARANTINED[event_type]) if event_type in QUARANTINED else (WAITING[event_type],)


def sort_key(part: IndexRange, milliseconds: int) -> str:
    """Returns a sort key of the `due` index; the time is when a pending delivery is due, else when it was accepted."""
    return f"{part.value}#{min(max(milliseconds, 0), LATEST):013d}"


def sort_keys(first: IndexRange, last: IndexRange | None = None, until: int = LATEST) -> tuple[str, str]:
    """Returns the bounds of neighbouring ranges, or of one; `until` (ms) bounds the last."""
    return sort_key(first, 0), sort_key(last or first, until)


def parse_sort_key(text: str) -> tuple[IndexRange, int]:
    """Returns the range and the time (ms) of a sort key of the `due` index. Raises ValueError."""
    part, _, digits = text.partition("#")
    if len(digits) != len(str(LATEST)) or not (digits.isascii() and digits.isdigit()):
        raise ValueError("is not a sort key")
    return IndexRange(part), int(digits)


def unconfirmed_entry(due: datetime) -> dict[str, str]:
    """Returns the place in the `due` index of a signup that waits for its confirmation, with its next step's time."""
    return {"due_pk": UNCONFIRMED_PARTITION, "due_sk": sort_key(IndexRange.SIGNUP, epoch_milliseconds(due))}


def used_proof_key(challenge: str) -> Key:
    """Returns the key of the solution of a challenge, once it was used."""
    return f"S#proof#{challenge}", "used"


def mailbox_key(mailbox_hash: str) -> Key:
    """Returns the key of the times of the confirmation mails to a mailbox."""
    return f"S#mailbox#{mailbox_hash}", "mails"


def forgotten_mailbox_key(mailbox_hash: str) -> Key:
    """Returns the key of a mailbox whose person asked to be forgotten under another spelling, such as with a tag."""
    return f"S#mailbox#{mailbox_hash}", "forgotten"


def recent_unsubscribe_key(address_hash: str) -> Key:
    """Returns the key of the time at which an unsubscribe of an address was last stored."""
    return f"U#{address_hash}", "unsubscribed"


def form_hour_partition(form: str, event_type: EventType, hour: datetime) -> str:
    """Returns the partition of the events that are within a form's limit for an hour (its start, UTC)."""
    return f"S#form#{form}#{event_type.value}#{format_time(hour)}"


def network_hour_partition(network: str) -> str:
    """Returns the partition of the signups that are within a network's limit at a form, for an hour.

    `network` is a keyed hash of all three.
    """
    return f"S#network#{network}"


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
        """Returns a keyed digest of content under the oldest key, so that added keys do not change it."""
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
