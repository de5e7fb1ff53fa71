"""Quarantines a form's unsubscribes above its hourly limit: anybody can submit any address, and some lists cannot
resubscribe a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, StoredEvent
from ..ledger.quarantine import QUARANTINE_LENGTH, QuarantineStore, is_counted_by_form
from ..observability import event_log, logger, metrics
from ..services import Services
from .deadline import Deadline

AT_ONCE = 1000
"""Events that one write counts."""
Decisions = Mapping[str, datetime | None]
"""Until when events are quarantined, by id; None: they are not."""


class FormLimits:
    """Counts each event of a form once, before its first attempt, and quarantines those above the form's limit.

    The decision is stored with the event, so that a worker that dies after it changes nothing.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = QuarantineStore(services.table, services.counts)

    def apply(self, stored: Sequence[StoredEvent], deadline: Deadline) -> list[StoredEvent]:
        """Returns the events that may be delivered now, those of `stored` that no form brought unchanged.

        What is quarantined, or cannot be decided now, is left out.
        """
        now = self._services.effects.clock()
        limited = [one for one in stored if is_counted_by_form(one.event) and _is_due(one, now)]
        if not limited:
            return list(stored)
        allowed = {one.event.id: one for one in stored}
        for start in range(0, len(limited), AT_ONCE):
            batch = limited[start : start + AT_ONCE]
            try:
                if deadline.seconds_left <= 0:
                    raise LedgerUnavailable("no time was left to count them")
                admitted = self._admitted(batch, now)
            except LedgerUnavailable as error:
                logger.warning("delivery deferred: form limit unknown", extra={"error": str(error)})
                metrics.count("ledger_failures")
                admitted = {}
            for one in batch:
                if one.event.id not in admitted:
                    del allowed[one.event.id]
            allowed |= admitted
        return list(allowed.values())

    def _admitted(self, batch: Sequence[StoredEvent], now: datetime) -> dict[str, StoredEvent]:
        """Counts and quarantines; returns the events of `batch` with a delivery that may be made, by id."""
        decisions: dict[str, datetime | None] = {one.event.id: one.event.quarantined_until for one in batch}
        by_hour: dict[tuple[str, datetime], list[Event]] = {}
        for one in batch:
            if not one.event.counted:
                hour = one.event.accepted_at.replace(minute=0, second=0, microsecond=0)
                by_hour.setdefault((one.event.form or "", hour), []).append(one.event)
        for (form, hour), events in by_hour.items():
            decisions |= self._decide(form, hour, events, now)
        results = self._services.table.in_parallel(lambda one: self._held(one, decisions[one.event.id], now), batch)
        return {one.event.id: one for one in results if one.deliveries}

    def _decide(self, form: str, hour: datetime, events: Sequence[Event], now: datetime) -> Decisions:
        """Counts events of one hour and stores the decision on each; logs those that are quarantined."""
        limit = self._limit(form)
        if limit is None:
            return {event.id: None for event in events}
        in_order = sorted(events, key=lambda event: (event.accepted_at, event.id))
        first = self._store.count(form, hour, len(events), now) - len(events) + 1
        wanted = [
            (event, event.accepted_at + QUARANTINE_LENGTH if number > limit else None)
            for number, event in enumerate(in_order, first)
        ]
        decided = self._services.table.in_parallel(lambda each: self._store.decide(*each), wanted)
        others = sum(not mine for mine, _ in decided)
        if others:  # another worker has counted them
            self._store.count(form, hour, -others, now)
        above = [event for (event, _), (mine, until) in zip(wanted, decided, strict=True) if mine and until]
        event_log.quarantined(form, above)
        return {event.id: until for (event, _), (_, until) in zip(wanted, decided, strict=True)}

    def _limit(self, form: str) -> int | None:
        known = self._services.settings.forms.get(form)
        return None if known is None else known.unsubscribes_per_hour

    def _held(self, one: StoredEvent, until: datetime | None, now: datetime) -> StoredEvent:
        """Quarantines the untried deliveries of a quarantined event; returns the event with the others."""
        if until is None or until <= now:
            return one
        free = {account: each for account, each in one.deliveries.items() if not _is_untried(each)}
        for account, each in one.deliveries.items():
            if account not in free and each.is_due(now):
                self._store.quarantine(one.event, account, until, now)
        return replace(one, deliveries=free)


def _is_due(one: StoredEvent, now: datetime) -> bool:
    return any(each.is_due(now) for each in one.deliveries.values())


def _is_untried(delivery: Delivery) -> bool:
    return delivery.attempts == 0 and delivery.resent_at is None and not delivery.released
