"""Who left, as an account's provider tells it: what of it is news, and for which other accounts.

Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from ..domain.events import EventType
from ..domain.ordering import SubscriptionState

BUCKETS = 4096
"""Hash buckets that the rows of a list are spread over."""
SIZE = 6
"""Bytes of a fingerprint within its bucket; with the bucket's 12 bits two rows in 2^60 have the same."""
DIGEST = 8
"""Bytes of a bucket's digest."""
EMPTY = bytes(DIGEST)
EVENT_IDS = "left-"
"""How the ids of the events begin that a provider's list makes."""


@dataclass(frozen=True, slots=True)
class UnsubscribedAddress:
    """One row of a provider's list of those who left; `version` differs whenever the provider has changed the row."""

    email: str = field(repr=False)
    at: int | None = None
    provider_id: str | None = None
    version: str | None = None


def place(digest: bytes) -> tuple[int, bytes]:
    """The bucket and the fingerprint of a row, from a keyed digest of what it says (at least 8 bytes)."""
    return digest[0] << 4 | digest[1] >> 4, digest[2 : 2 + SIZE]


def joined(fingerprints: Iterable[bytes]) -> bytes:
    """Fingerprints as one text of bytes, sorted."""
    return b"".join(sorted(fingerprints))


def split(content: bytes | bytearray) -> frozenset[bytes]:
    """The different fingerprints in some bytes."""
    return frozenset(bytes(content[start : start + SIZE]) for start in range(0, len(content), SIZE))


def digest_of(content: bytes) -> bytes:
    """The digest of a bucket that holds these fingerprints, joined."""
    return sha256(content).digest()[:DIGEST] if content else EMPTY


class Buckets:
    """The fingerprints of a list, in little more memory than they take. Filled first, then looked at."""

    def __init__(self) -> None:
        self._contents = [bytearray() for _ in range(BUCKETS)]

    @cached_property
    def _digests(self) -> list[bytes]:
        return [digest_of(joined(self.of(bucket))) for bucket in range(BUCKETS)]

    def add(self, bucket: int, fingerprint: bytes) -> None:
        """Put a row in; the same one may come again."""
        self._contents[bucket] += fingerprint

    def of(self, bucket: int) -> frozenset[bytes]:
        """The fingerprints of one bucket."""
        return split(self._contents[bucket])

    def changed(self, digests: bytes, *, whole: bool) -> list[int]:
        """Buckets that are not as these digests say; of a list that was not read to its end, only those with rows."""
        return [
            bucket
            for bucket in range(BUCKETS)
            if (whole or self._contents[bucket])
            and self._digests[bucket] != digests[bucket * DIGEST : (bucket + 1) * DIGEST]
        ]


def with_digest(digests: bytes, bucket: int, digest: bytes) -> bytes:
    """The digests of all buckets with that of one replaced."""
    return digests[: bucket * DIGEST] + digest + digests[(bucket + 1) * DIGEST :]


@dataclass(frozen=True, slots=True)
class Reading:
    """When a list was read: nothing in it is older than `started`, and what Relais told the provider before
    `seen_before` was seen by an earlier reading."""

    started: int
    seen_before: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of somebody who is on an account's list of those who left.

    `source` is the word at that account, which is `name`, its hold left on it while it counts; `others` the words at
    the accounts that the row has not been told to, that one among them where it has lists. Both take in the word for
    all accounts. `covered` are the accounts that the event behind the source's unsubscribe is told to.
    """

    name: str
    source: SubscriptionState
    others: Mapping[str, SubscriptionState]
    covered: frozenset[str] = frozenset()

    @property
    def made_here(self) -> bool:
        """Did a provider's list bring the source's unsubscribe, and not somebody who spoke to Relais?"""
        return made_here(self.source)


@dataclass(frozen=True, slots=True)
class News:
    """What is to be done about a row: whom to tell (nobody, it may be), as of when, and whether to note it."""

    at: int
    tell: tuple[str, ...] = ()
    note: bool = False


NOTHING = News(0)


def made_here(word: SubscriptionState) -> bool:
    """Did a provider's list bring this unsubscribe?"""
    return word.unsubscribed_by is not None and word.unsubscribed_by.startswith(EVENT_IDS)


def news(row: UnsubscribedAddress, reading: Reading, known: Known, *, first_seen: bool) -> News | None:
    """What a row that was not there before says; None: it cannot be told yet, ask again with the next reading.

    `first_seen` is false for a row that was dealt with before and is new only for some of the accounts.
    """
    source = known.source
    if source.lease is not None and source.lease.type is EventType.SIGNUP and source.lease.until > reading.started:
        return None  # it may have been read just before the provider took the person back
    at = reading.started if row.at is None else min(row.at, reading.started)
    if source.is_suppressed and not known.made_here:
        return NOTHING  # Relais itself told the provider, and everybody else who was to know
    if _is_stale(row, at, reading, source):
        return NOTHING
    if source.is_suppressed and source.unsubscribed_at is not None and not first_seen:
        at = min(at, source.unsubscribed_at)
    tell = tuple(name for name, word in known.others.items() if not _is_told(name, word, at, known))
    return News(at, tell, note=not source.is_suppressed or known.name in tell)


def _is_stale(row: UnsubscribedAddress, at: int, reading: Reading, source: SubscriptionState) -> bool:
    """Has the person signed up at the source since?

    Where no time is told, what Relais told the provider since the last reading explains a row that is new: the person
    may have come back to one of several lists by now, and still stand on the others as gone.
    """
    if source.signed_up_at is None:
        return False
    if source.signed_up_at > at:
        return True
    left = source.unsubscribed_at
    return row.at is None and not source.is_suppressed and left is not None and left >= reading.seen_before


def _is_told(name: str, word: SubscriptionState, at: int, known: Known) -> bool:
    """Does the account know, or will it without this row, or has the person come back there since?

    That the source itself is noted as left does not mean that its other lists were told.
    """
    if word.is_suppressed and name != known.name:
        return True
    joined_at = word.signed_up_at
    if joined_at is not None and joined_at > at:
        return True
    left = known.source.unsubscribed_at
    return name in known.covered and (joined_at is None or left is None or joined_at <= left)
