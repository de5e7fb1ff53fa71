"""Shows an event to operators: states, counts, times and reasons; never an address or a field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any, Protocol

from ..domain.backoff import AccountState
from ..domain.confirmation import Confirmation
from ..domain.events import Delivery, Event, KeptMessage, Status, overall
from ..domain.ordering import SUPPRESSED
from ..domain.reasons import ReasonCode
from ..domain.times import format_time, from_epoch_milliseconds
from ..effects import Clock
from .attention import AttentionList, AttentionQuery, is_listed
from .attributes import strictly, well_formed
from .event_items import delivery_from, event_from
from .keys import delivery_key, event_key, refused_partition
from .table import Key, Table


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as JSON values, and the cursor of the next page; None: there is none."""

    events: tuple[dict[str, Any], ...]
    cursor: str | None


class Targets(Protocol):
    """What the configuration in force says of a signup: its list, and whether its form is missing."""

    def list_of(self, event: Event) -> str | None:
        """Returns the list that a signup is for."""

    def missing_form(self, event: Event) -> str | None:
        """Returns why a signup waits whose form is not configured."""


class EventView:
    """Reads events for `GET /events` and `GET /events/{id}`.

    `remedy_of(account, may_lift_suppression)` returns what can be done for a signup that was refused as suppressed.
    `targets` is the configuration in force.
    """

    def __init__(
        self,
        table: Table,
        state_of: Callable[[str], AccountState],
        clock: Clock,
        remedy_of: Callable[[str, bool], str | None] = lambda account, may_lift_suppression: None,
        targets: Targets | None = None,
    ) -> None:
        self._table = table
        self._state_of = state_of
        self._clock = clock
        self._remedy_of = remedy_of
        self._targets = targets

    def find(self, event_id: str) -> dict[str, Any] | None:
        """Returns the event and its deliveries as JSON values; None if it is not stored or has expired.

        While no event has this id, the newest message that was refused under it is shown. A malformed delivery is left
        out. Raises MalformedItem if the event itself is malformed.
        """
        found = self._find(event_id)
        if found is None:
            for reference in reversed(self._table.query(refused_partition(event_id))):
                found = self._find(str(reference.get("refused")))
                if found is not None:
                    return found | {"id": event_id}
        return found

    def page(self, query: AttentionQuery) -> EventPage:
        """Returns a page of the events with a delivery that needs attention, newest first, as `find` shows them.

        What the index shows is read again: an event that has moved on meanwhile is left out, and one that is malformed.
        An event that waits at several accounts may be on several pages. Raises BadCursor, LedgerUnavailable.
        """
        now = self._clock()
        page = AttentionList(self._table).page(query, now)
        ids = list(dict.fromkeys(entry.event_id for entry in page.entries))
        stored = self._stored(ids)
        state_of = cache(self._state_of)
        shown = [
            self._json(event, deliveries, state_of)
            for event, deliveries in stored
            if any(one.account in query.accounts and is_listed(one, query.statuses, now) for one in deliveries)
        ]
        return EventPage(tuple(shown), page.cursor)

    def _find(self, event_id: str) -> dict[str, Any] | None:
        items = {(item["pk"], item["sk"]): item for item in self._table.query(event_key(event_id)[0])}
        item = items.get(event_key(event_id))
        if item is None or not self._is_kept(item):
            return None
        event = strictly(event_from, item)
        deliveries = _deliveries(event, items)
        if not deliveries:
            return None  # DynamoDB deletes items one by one, and has deleted the deliveries first
        return self._json(event, deliveries, self._state_of)

    def _stored(self, event_ids: Iterable[str]) -> list[tuple[Event, list[Delivery]]]:
        """Reads the events of these ids with their deliveries, in two batches, in the same order."""
        items = self._table.get_many(map(event_key, event_ids))
        events = [well_formed(event_from, item) for item in items.values() if self._is_kept(item)]
        known = {event.id: event for event in events if event is not None}
        items |= self._table.get_many(
            delivery_key(event.id, account, event.accounts)
            for event in known.values()
            if len(event.accounts) > 1
            for account in event.accounts
        )
        return [(event, _deliveries(event, items)) for one in event_ids if (event := known.get(one)) is not None]

    def _is_kept(self, item: Mapping[str, Any]) -> bool:
        """Returns False for an expired item: DynamoDB deletes those up to days later."""
        expires: float = item.get("expires_at", math.inf)
        return expires > self._clock().timestamp()

    def _json(
        self, event: Event, deliveries: Sequence[Delivery], state_of: Callable[[str], AccountState]
    ) -> dict[str, Any]:
        return {
            "id": event.id,
            "type": event.type.value,
            "status": overall(delivery.status for delivery in deliveries).value,
            "occurred_at": format_time(event.occurred_at),
            "accepted_at": format_time(event.accepted_at),
            "deliveries": [self._shown(delivery, event, state_of) for delivery in deliveries],
            "notes": list(event.notes),
            "errors": [asdict(error) for error in event.errors],
            **({"message": _message(event.kept)} if event.kept else {}),
            **({"confirmation": self._confirmation(event.confirmation, deliveries)} if event.confirmation else {}),
        }

    def _confirmation(self, confirmation: Confirmation, deliveries: Sequence[Delivery]) -> dict[str, Any]:
        now = self._clock()
        ended_at = [delivery.updated_at or now for delivery in deliveries if delivery.status is not Status.PENDING]
        waits_anew = not ended_at and any(one.quarantined or one.resent_at for one in deliveries)
        has_begun = confirmation.mails > 0 or not waits_anew
        status = confirmation.status(ended_at=min(ended_at, default=None), has_begun=has_begun, now=now)
        sent, confirmed = confirmation.sent_at, confirmation.confirmed_at
        return {
            "status": status.value,
            "attempts": confirmation.attempts,
            "sent_at": format_time(sent) if sent else None,
            "confirmed_at": format_time(confirmed) if confirmed else None,
        }

    def _shown(self, delivery: Delivery, event: Event, state_of: Callable[[str], AccountState]) -> dict[str, Any]:
        reason, code, upcoming = delivery.reason, delivery.reason_code, delivery.next_attempt_at
        missing_form = self._targets.missing_form(event) if self._targets else None
        if delivery.status is Status.PENDING and missing_form is not None:
            reason, code = missing_form, ReasonCode.FORM_REMOVED
        elif delivery.status is Status.PENDING and event.type.waits_for_account and not event.awaits_confirmation:
            state = state_of(delivery.account)
            list_id = self._targets.list_of(event) if self._targets else event.list
            pause = state.pause or state.lists.get(list_id or "")
            until = from_epoch_milliseconds(pause.until) if pause else None
            if pause and until and (upcoming is None or until >= upcoming):  # a longer quarantine has its own reason
                reason, code, upcoming = pause.reason, pause.reason_code, until
        shown: dict[str, Any] = {
            "account": delivery.account,
            "status": delivery.status.value,
            "attempts": delivery.attempts,
            "reason": reason,
            "reason_code": code.value if code else None,
            "unknown_outcome": delivery.unknown_outcome,
            "next_attempt_at": format_time(upcoming) if upcoming else None,
            "updated_at": format_time(delivery.updated_at) if delivery.updated_at else None,
        }
        if delivery.status is Status.REFUSED and delivery.reason == SUPPRESSED:
            remedy = self._remedy_of(delivery.account, event.may_lift_suppression)
            if remedy is not None:
                shown["remedy"] = remedy
        return shown


def _deliveries(event: Event, items: Mapping[Key, Mapping[str, Any]]) -> list[Delivery]:
    """Reads an event's deliveries from these items; omits those that are missing or malformed."""
    found = [(account, items.get(delivery_key(event.id, account, event.accounts), {})) for account in event.accounts]
    read = [well_formed(partial(delivery_from, account), item) for account, item in found if "status" in item]
    return [delivery for delivery in read if delivery is not None]


def _message(kept: KeptMessage) -> dict[str, Any]:
    return {"id": kept.id, "queue": kept.queue, "sent_at": format_time(kept.sent_at)}
