"""Implements `export_person`: exports all data stored about an address, with readable times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from ..clock import Clock
from ..delivery.deadline import Deadline
from ..domain.addresses import normal_forms
from ..domain.erasure import contacts_of
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.events import Consent, Delivery, Event, EventType, StoredEvent
from ..domain.ordering import SubscriptionState, all_settled
from ..domain.times import format_time, from_epoch_milliseconds
from ..ledger.events import EventStore
from ..ledger.keys import EVERY_ACCOUNT, event_key
from ..ledger.subscriptions import SubscriptionStore
from ..ledger.table import Key, Table
from ..observability import logger
from ..operators.ledger_scan import OutOfTime
from ..operators.requests import address, shown
from .person_search import PersonSearch

EVENTS_AT_ONCE = 100


class Exports:
    """Exports the data of persons. `keep_days`: how long a final event is stored."""

    def __init__(
        self,
        table: Table,
        events: EventStore,
        subscriptions: SubscriptionStore,
        keep_days: float,
        clock: Clock,
    ) -> None:
        self._table = table
        self._events = events
        self._subscriptions = subscriptions
        self._keep_days = keep_days
        self._clock = clock

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """Answers `{"email"}` with the stored data, or with `{"error"}`; does not raise, and logs no address.

        An export is complete or absent: if the time runs out or the ledger is unavailable, only `error` is returned.
        """
        try:
            return self._export(address(event), deadline)
        except ProviderError as error:
            return {"error": shown(error)}
        except OutOfTime:
            message = "the ledger is too large for the function's time; give it a longer timeout or more memory"
        except LedgerUnavailable as error:
            message = str(error)
        return {"error": shown(ProviderError(Kind.LATER, message))}

    def _export(self, email: str, deadline: Deadline) -> dict[str, Any]:
        def check_time() -> None:
            if deadline.seconds_left <= 0:
                raise OutOfTime

        now = self._clock()
        states = self._subscriptions.of(email)
        found = PersonSearch(self._table).find(email, now, check_time)
        shown_events: list[dict[str, Any]] = []
        for ids in _parts([*found.events, *found.syncs]):
            check_time()
            shown_events += self._described(ids, normal_forms(email))
        logger.info("person data exported", extra={"exported": len(shown_events)})
        return {
            "email": email,
            "made_at": format_time(now),
            "words": [self._state(account, known) for account, known in sorted(states.items())],
            "events": sorted(shown_events, key=lambda one: (one["accepted_at"], one["id"])),
            "kept": {
                "words": "for good, under a keyed hash of the address, so that nobody signs the person up again",
                "events": f"until kept_until; while that is null, until {self._keep_days:g} days after they are final",
                "erased": "of what was erased only the words are left; an event without its data is nobody's any more",
            },
        }

    def _state(self, account: str, known: Sequence[SubscriptionState]) -> dict[str, Any]:
        state = all_settled(known, partial(self._events.status, account=account))
        return {
            "account": "every account" if account == EVERY_ACCOUNT else account,
            "left_at": _milliseconds(state.unsubscribed_at),
            "left_by_event": state.unsubscribed_by,
            "signed_up_at": _milliseconds(state.signed_up_at),
            "forgotten_at": _milliseconds(state.forgotten_at),
            "last_event": next((one.lease.event for one in known if one.lease), None),
            "provider_id": state.provider_id,
        }

    def _described(self, event_ids: Sequence[str], wanted: frozenset[str]) -> Iterator[dict[str, Any]]:
        items = self._table.get_many(event_key(event_id) for event_id in event_ids)
        for stored in self._events.load(event_ids):
            yield {**_described(stored, wanted), "kept_until": _kept_until(items, stored)}


def _described(stored: StoredEvent, wanted: frozenset[str]) -> dict[str, Any]:
    match stored.event.type:
        case EventType.SIGNUP | EventType.UNSUBSCRIBE:
            return _event(stored)
        case EventType.SYNC:
            return _sync(stored, wanted)
        case _:
            assert_never(stored.event.type)


def _event(stored: StoredEvent) -> dict[str, Any]:
    event = stored.event
    return {
        **_common(stored),
        "email": event.email,
        "form": event.form,
        "list": event.list,
        "fields": dict(event.fields),
        "scope": event.scope,
        "every_account": event.all_accounts,
        "wish_to_be_forgotten": event.forget,
        "may_lift_suppression": event.may_lift_suppression,
        "consent": _consent(event.consent) if event.consent else None,
    }


def _sync(stored: StoredEvent, wanted: frozenset[str]) -> dict[str, Any]:
    """Describes a sync, with only the person's own contacts."""
    contacts = stored.event.sync.contacts if stored.event.sync else ()
    theirs = zip(contacts, contacts_of(contacts, wanted), strict=True)
    return {
        **_common(stored),
        "list": stored.event.list,
        "contacts": [dict(contact) for contact, mine in theirs if mine],
    }


def _common(stored: StoredEvent) -> dict[str, Any]:
    event: Event = stored.event
    return {
        "id": event.id,
        "type": event.type.value,
        "occurred_at": format_time(event.occurred_at),
        "accepted_at": format_time(event.accepted_at),
        "deliveries": [_delivery(delivery) for delivery in stored.deliveries.values()],
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "account": delivery.account,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "reason": delivery.reason,
        "unknown_outcome": delivery.unknown_outcome,
        "next_attempt_at": _time(delivery.next_attempt_at),
        "updated_at": _time(delivery.updated_at),
        "resent_at": _time(delivery.resent_at),
    }


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "at": _time(consent.at),
        "source": consent.source,
        "ip": consent.ip,
        "text": consent.text,
        "wording_sha256": consent.wording_sha256,
    }


def _kept_until(items: Mapping[Key, Mapping[str, Any]], stored: StoredEvent) -> str | None:
    expires: int | None = items.get(event_key(stored.event.id), {}).get("expires_at")
    return None if expires is None else _milliseconds(expires * 1000)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _milliseconds(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(from_epoch_milliseconds(milliseconds))


def _parts(event_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (event_ids[start : start + EVENTS_AT_ONCE] for start in range(0, len(event_ids), EVENTS_AT_ONCE))
