"""Finds items that a process which died left inconsistent in the ledger, and repairs them.

Of subscription states only those are found whose evidence of consent has expired; the states themselves never expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..domain.events import Delivery, Event, EventType, Status
from ..domain.times import epoch_milliseconds as to_ms, years_before
from ..ledger import kept_consent
from ..ledger.attributes import Attributes, Milliseconds, well_formed
from ..ledger.events import PENDING, STATUS_NAME
from ..ledger.keys import (
    LATEST,
    due_entry,
    event_id_of,
    event_key,
    parse_sort_key,
    quarantine_entry,
    sort_key,
    swept_ranges,
    unconfirmed_entry,
)
from ..ledger.table import Key
from ..names import DUE_INDEX
from ..services import Services
from .rules import LONG_PAST, IndexEntry

PAGE_ITEMS = 1000
"""Items read in one step."""
_READ = ("pk", "sk", "status", "accounts", "due_pk", "due_sk", "expires_at", "updated")
_SWEPT = sorted({part for event_type in EventType for part in swept_ranges(event_type)})
_WAITS = " OR ".join(f"#due_sk BETWEEN :from{place} AND :to{place}" for place in range(len(_SWEPT)))
# Pending, and not where sweep looks, or due for too long.
_PERHAPS_LOST = (
    f"(#status = :pending AND (attribute_not_exists(#due_pk) OR attribute_not_exists(#due_sk) OR NOT ({_WAITS})"
    " OR attribute_exists(#expires_at)))"
)
_NEVER_EXPIRES = "(attribute_not_exists(#expires_at) AND (attribute_not_exists(#status) OR #status <> :pending))"
# Further kinds of findings are added here, and to `reconciliation/repair.py`.
_WANTED = (
    f"(begins_with(#pk, :event) AND ({_PERHAPS_LOST} OR {_NEVER_EXPIRES}))"
    f" OR (begins_with(#pk, :address) AND {kept_consent.EXPIRED})"
)
_DELIVERY = "D#"


@dataclass(frozen=True, slots=True)
class Finding:
    """An item of an event that may need repair."""

    key: Key
    status: Status | None
    """None: an event for several accounts, whose deliveries are items of their own."""
    account: str | None
    """The account of the delivery; None as above."""
    entry: IndexEntry
    updated: int
    """When a delivery was last written (ms); 0 if the item is not a delivery."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        return event_id_of(self.key[0])

    @property
    def is_single(self) -> bool:
        """True for an event with its only delivery, False for an item of an event for several accounts."""
        return self.status is not None and self.key == event_key(self.event_id)


@dataclass(frozen=True, slots=True)
class Page:
    """What was found in one step."""

    findings: list[Finding]
    expired_evidence: list[Key]
    """Subscription states whose evidence of consent has expired."""
    after: Key | None
    """The key to continue after; None: end of the table."""


class FindingStore:
    """Finds inconsistent items and repairs them by conditional writes. All methods raise LedgerUnavailable."""

    def __init__(self, services: Services) -> None:
        self._table = services.table
        self._events = services.events
        self._keep_consent_years = services.settings.privacy.keep_consent_years

    def page(self, after: Key | None, now: datetime) -> Page:
        """Returns what is found among the `PAGE_ITEMS` items after `after`.

        Malformed items are skipped, logged and counted.
        """
        long_past = to_ms(now - LONG_PAST)
        values = {
            "event": "E#",
            "pending": Status.PENDING.value,
            **{f"from{place}": sort_key(part, long_past + 1) for place, part in enumerate(_SWEPT)},
            **{f"to{place}": sort_key(part, LATEST) for place, part in enumerate(_SWEPT)},
            "address": "A#",
            **kept_consent.expired_values(self._unsubscribed_before(now)),
        }
        items, last = self._table.scan_page(after, PAGE_ITEMS, _WANTED, _READ, values)
        states = [(item["pk"], item["sk"]) for item in items if item["pk"].startswith("A#")]
        findings = (well_formed(_finding_from, item) for item in items if not item["pk"].startswith("A#"))
        return Page([finding for finding in findings if finding is not None], states, last)

    def _unsubscribed_before(self, now: datetime) -> int:
        """Returns the time (ms) before which an unsubscribe lets the evidence of consent expire."""
        return to_ms(years_before(now, self._keep_consent_years))

    def remove_evidence(self, state: Key, now: datetime) -> bool:
        """Removes expired evidence of consent from a subscription state; False if the person signed up meanwhile."""
        return kept_consent.remove_expired(self._table, state, self._unsubscribed_before(now))

    def is_in_index(self, finding: Finding) -> bool:
        """Returns whether the index contains a delivery at the position that its own attributes state."""
        entry = finding.entry
        if entry.due_pk is None or entry.due_sk is None:
            return False
        return any(
            (key["pk"], key["sk"]) == finding.key
            for key in self._table.query_due_at(DUE_INDEX, entry.due_pk, entry.due_sk)
        )

    def put_back(self, event: Event, delivery: Delivery, finding: Finding, now: datetime) -> bool:
        """Puts a pending delivery back into the index, due now or at its own time; False if it has changed since.

        Its expiry is removed.
        """
        due = max(now, delivery.next_attempt_at or now)
        entry = finding.entry
        conditions = [
            PENDING,
            "due_pk = :seen_pk" if entry.due_pk is not None else "attribute_not_exists(due_pk)",
            "due_sk = :seen_sk" if entry.due_sk is not None else "attribute_not_exists(due_sk)",
        ]
        values = {
            "pending": Status.PENDING.value,
            "seen_pk": entry.due_pk,
            "seen_sk": entry.due_sk,
            **_entry(event, delivery, due, now),
        }
        change = "SET due_pk = :due_pk, due_sk = :due_sk REMOVE expires_at"
        return self._table.try_update(
            finding.key, change, values, condition=" AND ".join(conditions), names=STATUS_NAME
        )

    def let_expire(self, finding: Finding, now: datetime) -> bool:
        """Sets an item's expiry; False if it has changed since. A pending delivery leaves the index.

        A final one is in it only if it needs attention, and until it expires. If its event is stored after all, the
        writer of the event, or the next pass, puts the delivery back.
        """
        values = {"expires": self._events.expiry(now), "seen": finding.status.value if finding.status else None}
        change = "SET expires_at = :expires"
        if finding.status is Status.PENDING:
            change += " REMOVE due_pk, due_sk"
        condition = "#status = :seen AND attribute_not_exists(expires_at)"
        return self._table.try_update(finding.key, change, values, condition=condition, names=STATUS_NAME)


def _entry(event: Event, delivery: Delivery, due: datetime, now: datetime) -> dict[str, str]:
    """Returns the place in the index of a pending delivery that is due at `due`."""
    if delivery.waits_for_release(now):
        return quarantine_entry(delivery.account, event.type, due)
    return unconfirmed_entry(due) if event.awaits_confirmation else due_entry(delivery.account, event.type, due)


def _finding_from(item: Attributes) -> Finding:
    key = (item.required("pk", str), item.required("sk", str))
    status: Status | None
    account: str | None
    if key[1].startswith(_DELIVERY):
        status, account = item.required("status", Status), key[1].removeprefix(_DELIVERY)
    else:
        accounts = item.required("accounts", list[str])
        if len(accounts) == 1:
            status, account = item.required("status", Status), accounts[0]
        else:
            status, account = None, None
    due_pk, due_sk = item.optional("due_pk", str), item.optional("due_sk", str)
    expires_at = item.optional("expires_at", int)
    try:
        due_range, due_at = parse_sort_key(due_sk or "")
        entry = IndexEntry(due_pk, due_sk, due_range, due_at, expires_at)
    except ValueError:
        entry = IndexEntry(due_pk, due_sk, expires_at=expires_at)
    return Finding(key, status, account, entry, item.optional("updated", Milliseconds) or 0)
