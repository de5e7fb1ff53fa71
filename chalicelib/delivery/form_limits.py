"""Quarantines events above the hourly limits of their forms: anybody can submit any address, any number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..config.model import Form
from ..domain.errors import LedgerUnavailable
from ..domain.events import QUARANTINED, Delivery, Door, Event, EventType, Status, StoredEvent
from ..domain.networks import network_of
from ..domain.reasons import ReasonCode
from ..ledger.hourly_limits import HourlyLimits
from ..ledger.keys import form_hour_partition, network_hour_partition
from ..ledger.quarantine import QUARANTINE_LENGTH, QuarantineStore
from ..observability import event_log, logger, metrics
from ..providers import registry
from ..services import Services
from .deadline import Deadline

AT_ONCE = 1000
"""Events that are decided together."""
FORM_HOURS_KEPT = timedelta(days=2)
NETWORK_HOURS_KEPT = timedelta(hours=1)
"""Counted from the last signup: no longer than needed, although only a keyed hash of the network is stored."""
_BY_NETWORK, _BY_FORM, _DOUBTED = "network", "form", "doubt"


class FormLimits:
    """Decides before the first attempt which events of a form are within its limits, and quarantines the others.

    What is within a limit is recorded before it is delivered, so that an event counts once, and workers that run
    concurrently, die or repeat never deliver more. Signups that nobody has released for 30 days end here.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limits = HourlyLimits(services.table)
        self._store = QuarantineStore(services.table, services.counts)

    def apply(self, stored: Sequence[StoredEvent], deadline: Deadline) -> list[StoredEvent]:
        """Returns the events that may be delivered now; events that came by no form are returned unchanged.

        Quarantined events, and those that cannot be decided now, are left out.
        """
        now = self._services.effects.clock()
        limited = [one for one in stored if is_limited(one.event) and _is_undecided(one, now)]
        if not limited:
            return list(stored)
        allowed = {one.event.id: one for one in stored}
        for start in range(0, len(limited), AT_ONCE):
            batch = limited[start : start + AT_ONCE]
            for one in batch:
                del allowed[one.event.id]
            try:
                if deadline.seconds_left <= 0:
                    raise LedgerUnavailable("no time was left to count them")
                allowed |= {one.event.id: one for one in self._admitted(batch, now)}
            except LedgerUnavailable as error:
                logger.warning("delivery deferred: form limit unknown", extra={"error": str(error)})
                metrics.count("ledger_failures")
        return list(allowed.values())

    def _admitted(self, batch: Sequence[StoredEvent], now: datetime) -> list[StoredEvent]:
        """Quarantines, or ends, what is above a limit; returns the others, without deliveries that stay quarantined."""
        ended = {one.event.id: one for one in batch if _quarantine_has_ended(one)}
        self._services.table.in_parallel(lambda one: self._end(one, now), ended.values())
        rest = [one for one in batch if one.event.id not in ended]
        above = self._above(sorted((one.event for one in rest), key=lambda event: (event.accepted_at, event.id)))
        outcomes = self._services.table.in_parallel(
            lambda one: self._quarantine(one, now) if one.event.id in above else (one, False), rest
        )
        new = [one.event for one, (_, is_new) in zip(rest, outcomes, strict=True) if is_new]
        for limit, form, event_type in sorted({(above[event.id], event.form or "", event.type) for event in new}):
            these = [event for event in new if (above[event.id], event.form, event.type) == (limit, form, event_type)]
            event_log.quarantined(form, event_type, limit, these)
        return [one for one, _ in outcomes if one.deliveries]

    def _above(self, events: Sequence[Event]) -> dict[str, str]:
        """Returns the ids of the events above a limit, each with the name of that limit; earlier events go first.

        Doubtful signups count towards no limit, and those above their network's limit not towards the form's.
        """
        above: dict[str, str] = {event.id: _DOUBTED for event in events if event.doubt is not None}
        by_network = self._groups([event for event in events if event.id not in above], self._network_partition)
        for partition, (form, group) in by_network.items():
            self._admit(partition, group, form.signups_per_hour_per_network, NETWORK_HOURS_KEPT, _BY_NETWORK, above)
        rest = [event for event in events if event.id not in above]
        for partition, (form, group) in self._groups(rest, _form_partition).items():
            signups = group[0].type is EventType.SIGNUP
            limit = form.signups_per_hour if signups else form.unsubscribes_per_hour
            self._admit(partition, group, limit, FORM_HOURS_KEPT, _BY_FORM, above)
        return above

    def _groups(
        self, events: Sequence[Event], partition_of: Callable[[Form, Event], str | None]
    ) -> dict[str, tuple[Form, list[Event]]]:
        """Groups events by the partition that counts them.

        A form that is not configured, or whose account keeps nothing, has no limit.
        """
        groups: dict[str, tuple[Form, list[Event]]] = {}
        for event in events:
            form = self._services.settings.forms.get(event.form or "")
            free = form is None or registry.keeps_nothing(self._services.settings.accounts, form.account)
            partition = None if form is None or free else partition_of(form, event)
            if form is not None and partition is not None:
                groups.setdefault(partition, (form, []))[1].append(event)
        return groups

    def _admit(
        self,
        partition: str,
        events: Sequence[Event],
        limit: int,
        kept: timedelta,
        name: str,
        above: dict[str, str],
    ) -> None:
        ids = [event.id for event in events]
        admitted = self._limits.admit(partition, ids, limit, self._services.effects.clock() + kept)
        above.update({event_id: name for event_id in ids if event_id not in admitted})

    def _network_partition(self, form: Form, event: Event) -> str | None:
        """Returns the partition that counts the signups of an event's network; None if the form has no such limit.

        The hash includes form and hour, so that it does not identify the network at another form or time.
        """
        if event.type is not EventType.SIGNUP or not form.signups_per_hour_per_network or event.consent is None:
            return None
        network = network_of(event.consent.ip or "")
        if network is None:
            return None
        content = f"network {form.name} {_hour(event).isoformat()} {network}"
        return network_hour_partition(self._services.address_keys.digest(content.encode()))

    def _quarantine(self, one: StoredEvent, now: datetime) -> tuple[StoredEvent, bool]:
        """Quarantines untried deliveries; returns the event with the others, and whether one was quarantined now.

        An unsubscribe whose day is over is delivered.
        """
        until = one.event.accepted_at + QUARANTINE_LENGTH[one.event.type]
        if until <= now and one.event.type is EventType.UNSUBSCRIBE:
            return one, False
        free = {account: each for account, each in one.deliveries.items() if not _is_untried(each)}
        new = [
            self._store.quarantine(one.event, account, until, now)
            for account, each in one.deliveries.items()
            if account not in free and each.is_due(now)
        ]
        return replace(one, deliveries=free), any(new)

    def _end(self, one: StoredEvent, now: datetime) -> None:
        """Ends a signup that nobody has released in time: it is refused and erased."""
        for account, each in one.deliveries.items():
            if self._store.end(one.event, each, ReasonCode.QUARANTINED, now, self._services.events.expiry(now)):
                ended = Delivery(account, Status.REFUSED, reason=QUARANTINED, reason_code=ReasonCode.QUARANTINED)
                event_log.ended([(one.event.id, ended)])
        if len(one.event.accounts) > 1:
            self._services.events.expire_when_whole(one.event, now)


def is_limited(event: Event) -> bool:
    """Returns True for events that came by a website form, whose sender is unknown.

    A signup that a back end sends for a form is authenticated by its signature.
    """
    if event.form is None:
        return False
    match event.type:
        case EventType.UNSUBSCRIBE:
            return True
        case EventType.SIGNUP:
            return event.consent is not None and event.consent.door is Door.FORM
        case EventType.SYNC:
            return False


def _is_undecided(one: StoredEvent, now: datetime) -> bool:
    """Returns whether a due delivery has not been decided yet.

    A signup whose confirmation mail was begun has been: people may confirm for longer than the admissions of an hour
    are stored. One that nobody confirmed ends, whatever the limit.
    """
    known = one.event.confirmation
    if known is not None and (known.mails or known.sent_at or known.confirmed_at or now >= known.expires_at):
        return any(delivery.quarantined and delivery.is_due(now) for delivery in one.deliveries.values())
    return any(_is_untried(delivery) and delivery.is_due(now) for delivery in one.deliveries.values())


def _quarantine_has_ended(one: StoredEvent) -> bool:
    """Returns True for a due signup that was quarantined until now, and that nobody has released."""
    return one.event.type is EventType.SIGNUP and any(delivery.quarantined for delivery in one.deliveries.values())


def _is_untried(delivery: Delivery) -> bool:
    return delivery.attempts == 0 and delivery.resent_at is None and not delivery.released


def _hour(event: Event) -> datetime:
    return event.accepted_at.replace(minute=0, second=0, microsecond=0)


def _form_partition(form: Form, event: Event) -> str:
    return form_hour_partition(form.name, event.type, _hour(event))
