"""Repairs the findings of the nightly pass, with one method for each kind of finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..domain.backoff import AccountState
from ..domain.events import EventType, Status, StoredEvent
from ..domain.times import epoch_milliseconds
from ..ledger.events import Loaded
from ..ledger.keys import UNCONFIRMED_PARTITION, swept_ranges
from ..ledger.table import Key
from ..observability import event_log, logger, metrics
from ..services import Services
from .findings import Finding, FindingStore
from .rules import LONG_PAST, NEVER_STORED_AFTER, IndexEntry, PendingState, pending_state

Stored = Mapping[str, StoredEvent]


class Repairs:
    """Repairs the findings of a page. All methods raise LedgerUnavailable."""

    def __init__(self, services: Services) -> None:
        self._table = services.table
        self._events = services.events
        self._accounts = services.accounts
        self._notifier = services.notifier
        self._account_names = frozenset(services.settings.accounts)
        self._list_of = services.settings.list_of
        self._finding_store = FindingStore(services)

    def repair(self, findings: Sequence[Finding], now: datetime) -> int:
        """Repairs the findings that need it; returns the number of deliveries enqueued."""
        loaded = self._load(findings)
        stored = _by_id(loaded.stored)
        findings = [one for one in findings if one.event_id not in loaded.malformed]  # a malformed event still exists
        pending = [one for one in findings if one.status is Status.PENDING]
        ended = [one for one in findings if one.status is not Status.PENDING]
        enqueued = self._put_back(pending, stored, now)
        enqueued += self._retire_orphans([one for one in pending if not _has_event(one, stored)], now)
        self._let_expire([one for one in ended if not _expires_as_a_whole(one, stored)], now)
        self._let_events_expire([one for one in ended if _expires_as_a_whole(one, stored)], stored, now)
        return enqueued

    def remove_evidence(self, states: Sequence[Key], now: datetime) -> None:
        """Removes evidence of consent of persons who unsubscribed `keep_consent_years` ago; their states stay."""
        done = self._table.in_parallel(lambda state: self._finding_store.remove_evidence(state, now), states)
        removed = sum(done)
        if removed:
            logger.info("expired consent evidence removed", extra={"states": removed})
            metrics.count("consent_evidence_removed", removed)

    def _put_back(self, pending: Sequence[Finding], stored: Stored, now: datetime) -> int:
        """Puts pending deliveries that sweep will never enqueue back into the index, and enqueues them."""
        states = {
            name: self._accounts.read(name) for name in {one.account for one in pending if one.account is not None}
        }

        def put_back(one: Finding) -> bool:
            event, account = stored[one.event_id].event, one.account or ""
            delivery = stored[one.event_id].deliveries[account]
            paused = event.type.waits_for_account and _is_paused(states[account], self._list_of(event))
            partition = UNCONFIRMED_PARTITION if event.awaits_confirmation else account
            state = pending_state(one.entry, partition, swept_ranges(event.type), paused=paused, now=now)
            if state is PendingState.OVERDUE and (
                # Sweep knows a removed account only if it ever saw it configured.
                account not in self._account_names or not self._finding_store.is_in_index(one)
            ):
                state = PendingState.LOST
            return (
                state is PendingState.LOST
                and delivery.status is Status.PENDING
                and self._finding_store.put_back(event, delivery, one, now)
            )

        with_event = [one for one in pending if _has_event(one, stored)]
        done = self._table.in_parallel(put_back, with_event)
        repaired = [one for one, changed in zip(with_event, done, strict=True) if changed]
        _report("repaired_pending", repaired)
        return self._enqueue(repaired, stored)

    def _retire_orphans(self, orphans: Sequence[Finding], now: datetime) -> int:
        """Takes deliveries whose event was never stored out of the index, so that they expire: its sender has given up.

        The event may be stored concurrently. Then either its writer finds the delivery retired and puts it back, or the
        event is found here by a second read, and the delivery is put back.
        """
        before = epoch_milliseconds(now - NEVER_STORED_AFTER)
        old = [one for one in orphans if one.entry.expires_at is None and one.updated < before]
        done = self._table.in_parallel(lambda one: self._finding_store.let_expire(one, now), old)
        retired = [one for one, changed in zip(old, done, strict=True) if changed]
        _report("repaired_orphans", retired)
        as_retired = [replace(one, entry=IndexEntry(None, None)) for one in retired]
        stored = _by_id(self._load(as_retired).stored)
        return self._put_back([one for one in as_retired if _has_event(one, stored)], stored, now)

    def _let_expire(self, ended: Sequence[Finding], now: datetime) -> None:
        """Sets the expiry of final deliveries, and of what remains of an event that has expired."""
        done = self._table.in_parallel(
            lambda one: one.status is not None and self._finding_store.let_expire(one, now), ended
        )
        _report("repaired_expiry", [one for one, changed in zip(ended, done, strict=True) if changed])

    def _let_events_expire(self, ended: Sequence[Finding], stored: Stored, now: datetime) -> None:
        """Sets the expiry of events whose last worker died after the last delivery, before it set the expiry.

        If the person asked to be forgotten, that worker would also have erased their data; that is done here.
        """
        by_event = {one.event_id: one for one in ended}
        whole = [one for one in by_event.values() if _is_final(stored[one.event_id], now)]
        self._table.in_parallel(lambda one: self._events.expire_when_whole(stored[one.event_id].event, now), whole)
        _report("repaired_expiry", whole)

    def _load(self, findings: Iterable[Finding]) -> Loaded:
        return self._events.load_well_formed(dict.fromkeys(one.event_id for one in findings))

    def _enqueue(self, repaired: Sequence[Finding], stored: Stored) -> int:
        ids_by_type: dict[EventType, list[str]] = {}
        for one in repaired:
            ids_by_type.setdefault(stored[one.event_id].event.type, []).append(one.event_id)
        enqueued = sum(
            len(ids)
            for event_type, ids in ids_by_type.items()
            if self._notifier.notify(event_type, list(dict.fromkeys(ids)))
        )
        metrics.count("enqueued", enqueued)
        return enqueued


def _by_id(events: Iterable[StoredEvent]) -> Stored:
    return {one.event.id: one for one in events}


def _has_event(one: Finding, stored: Stored) -> bool:
    """True for a delivery whose event is stored."""
    return one.event_id in stored and one.account in stored[one.event_id].deliveries


def _expires_as_a_whole(one: Finding, stored: Stored) -> bool:
    """True for an item of an event for several accounts, and for a request to be forgotten: it first erases others."""
    return one.event_id in stored and (not one.is_single or stored[one.event_id].event.forget)


def _is_final(one: StoredEvent, now: datetime) -> bool:
    """True if every delivery is final, and the event so old that no worker is still about to set its expiry."""
    pending = any(delivery.status is Status.PENDING for delivery in one.deliveries.values())
    return not pending and one.event.accepted_at <= now - LONG_PAST


def _is_paused(state: AccountState, list_id: str | None) -> bool:
    return state.pause is not None or (list_id is not None and list_id in state.lists)


def _report(what: str, repaired: Sequence[Finding]) -> None:
    if not repaired:
        return
    metrics.count(what, len(repaired))
    ids = list(dict.fromkeys(one.event_id for one in repaired))
    for start in range(0, len(ids), event_log.IDS_A_LINE):
        logger.warning(
            "nightly pass repaired deliveries",
            extra={"what": what, "deliveries": len(repaired), "event_ids": ids[start : start + event_log.IDS_A_LINE]},
        )
