"""Compares readings of a provider's unsubscribe list, and decides to which accounts a new row is propagated.

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
"""Number of hash buckets for the rows of a list."""
FINGERPRINT_BYTES = 6
"""With the bucket's 12 bits, two different rows have the same fingerprint in one case of 2^60."""
DIGEST_BYTES = 8
EMPTY_DIGEST = bytes(DIGEST_BYTES)
EVENT_ID_PREFIX = "unsubscribed-"
"""Prefix of the ids of events made from a provider's list."""


@dataclass(frozen=True, slots=True)
class UnsubscribedAddress:
    """One row of a provider's unsubscribe list; `version` differs whenever the provider has changed the row."""

    email: str = field(repr=False)
    at: int | None = None
    provider_id: str | None = None
    version: str | None = None


def bucket_and_fingerprint(digest: bytes) -> tuple[int, bytes]:
    """Returns the bucket and the fingerprint of a row, from a keyed digest of its content (at least 8 bytes)."""
    return digest[0] << 4 | digest[1] >> 4, digest[2 : 2 + FINGERPRINT_BYTES]


def joined(fingerprints: Iterable[bytes]) -> bytes:
    """Returns sorted fingerprints as one byte string."""
    return b"".join(sorted(fingerprints))


def split(content: bytes | bytearray) -> frozenset[bytes]:
    """Returns the distinct fingerprints in a byte string."""
    return frozenset(
        bytes(content[start : start + FINGERPRINT_BYTES]) for start in range(0, len(content), FINGERPRINT_BYTES)
    )


def digest_of(content: bytes) -> bytes:
    """Returns the digest of a bucket with these joined fingerprints."""
    return sha256(content).digest()[:DIGEST_BYTES] if content else EMPTY_DIGEST


class Buckets:
    """The fingerprints of a list, with little memory overhead. Filled first, then read."""

    def __init__(self) -> None:
        self._contents = [bytearray() for _ in range(BUCKETS)]

    @cached_property
    def _digests(self) -> list[bytes]:
        return [digest_of(joined(self.of(bucket))) for bucket in range(BUCKETS)]

    def add(self, bucket: int, fingerprint: bytes) -> None:
        """Adds a row; duplicates are allowed."""
        self._contents[bucket] += fingerprint

    def of(self, bucket: int) -> frozenset[bytes]:
        """Returns the fingerprints of one bucket."""
        return split(self._contents[bucket])

    def changed(self, digests: bytes, *, whole: bool) -> list[int]:
        """Returns buckets that differ from these digests; of an incomplete list, only those with rows."""
        return [
            bucket
            for bucket in range(BUCKETS)
            if (whole or self._contents[bucket])
            and self._digests[bucket] != digests[bucket * DIGEST_BYTES : (bucket + 1) * DIGEST_BYTES]
        ]


def with_digest(digests: bytes, bucket: int, digest: bytes) -> bytes:
    """Returns the digests of all buckets with one replaced."""
    return digests[: bucket * DIGEST_BYTES] + digest + digests[(bucket + 1) * DIGEST_BYTES :]


@dataclass(frozen=True, slots=True)
class Reading:
    """When a list was read: its content is from `started` or later, and an earlier reading saw what Relais sent to the
    provider before `seen_before`."""

    started: int
    seen_before: int


@dataclass(frozen=True, slots=True)
class KnownState:
    """The ledger's subscription states of an address on the unsubscribe list of `account`.

    `source` is the state at that account, with its lease while that counts; `others` the states at the accounts that
    the row is not yet propagated to, `account` among them where it has lists. Both include the state for all accounts.
    `covered` are the accounts of the event that caused the source's unsubscribe. `missed` are those at which
    no unsubscribe was tried although the person unsubscribed from all accounts: they were not configured then.
    """

    account: str
    source: SubscriptionState
    others: Mapping[str, SubscriptionState]
    covered: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PropagationDecision:
    """What to do with a row: unsubscribe at `accounts` (may be empty) as of `at`, and whether to record it."""

    at: int
    accounts: tuple[str, ...] = ()
    record: bool = False


NOTHING = PropagationDecision(0)


def is_imported(state: SubscriptionState) -> bool:
    """Returns whether this unsubscribe comes from a provider's list and not from an event sent to Relais."""
    return state.unsubscribed_by is not None and state.unsubscribed_by.startswith(EVENT_ID_PREFIX)


def decide(
    row: UnsubscribedAddress, reading: Reading, known: KnownState, *, first_seen: bool
) -> PropagationDecision | None:
    """Decides what to do with a new row; None: not decidable yet, retry with the next reading.

    `first_seen` is false for a row that was processed before and is new only for some of the accounts.
    """
    source = known.source
    if source.lease is not None and source.lease.type is EventType.SIGNUP and source.lease.until > reading.started:
        return None  # the row may have been read just before the provider resubscribed the person
    at = reading.started if row.at is None else min(row.at, reading.started)
    if source.is_suppressed and not is_imported(source):
        # Relais itself unsubscribed the person at this provider and wherever else required, except at accounts that
        # were not configured then. The row is new for such an account alone.
        missed = () if first_seen else tuple(name for name in known.others if name in known.missed)
        return PropagationDecision(min(at, source.unsubscribed_at or at), missed) if missed else NOTHING
    if _is_stale(row, at, reading, source):
        return NOTHING
    if source.is_suppressed and source.unsubscribed_at is not None and not first_seen:
        at = min(at, source.unsubscribed_at)
    accounts = tuple(name for name, state in known.others.items() if not _is_covered(name, state, at, known))
    return PropagationDecision(at, accounts, record=not source.is_suppressed or known.account in accounts)


def _is_stale(row: UnsubscribedAddress, at: int, reading: Reading, source: SubscriptionState) -> bool:
    """Returns whether the person has signed up at the source since.

    A new row without a time is explained by an unsubscribe that Relais sent to the provider since the last reading: the
    person may have resubscribed to one of several lists by now, and still be unsubscribed on the others.
    """
    if source.signed_up_at is None:
        return False
    if source.signed_up_at > at:
        return True
    if row.at is not None or source.is_suppressed or source.unsubscribed_at is None:
        return False
    return source.unsubscribed_at >= reading.seen_before


def _is_covered(name: str, state: SubscriptionState, at: int, known: KnownState) -> bool:
    """Returns whether the account is or will be unsubscribed without this row, or the person has resubscribed there.

    An unsubscribe recorded at the source itself does not mean that its other lists were unsubscribed.
    """
    if state.is_suppressed and name != known.account:
        return name not in known.missed or name in known.covered
    signed_up_at, unsubscribed_at = state.signed_up_at, known.source.unsubscribed_at
    if signed_up_at is None:
        return name in known.covered
    return signed_up_at > at or (name in known.covered and (unsubscribed_at is None or signed_up_at <= unsubscribed_at))
